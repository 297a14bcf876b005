<?php
error_log('asked by ' . ($_GET['name'] ?? 'nobody'));
header('Content-Type: text/plain');
echo 'Hello, ', $_GET['name'] ?? 'world', ', from ', getenv('PLACE') ?: 'somewhere', ".\n";
