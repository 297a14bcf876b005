<?php
// A form with an upload; nothing is kept.
$owner = $_POST['owner'] ?? null;
$photo = $_FILES['photo'] ?? null;

$answer = null;
if ($owner !== null) {
    $answer = match ($photo['error'] ?? UPLOAD_ERR_NO_FILE) {
        UPLOAD_ERR_OK => sprintf('%s, %d bytes, sha256 %s', $photo['name'], $photo['size'], hash_file('sha256', $photo['tmp_name'])),
        UPLOAD_ERR_INI_SIZE => 'a photo beyond ' . ini_get('upload_max_filesize'),
        UPLOAD_ERR_NO_FILE => 'no photo',
        default => 'a photo that did not arrive',
    };
    if (($photo['error'] ?? null) === UPLOAD_ERR_INI_SIZE) {
        http_response_code(413);
    }
}
?>
<!doctype html>
<title><?= htmlspecialchars($_SERVER['SITE_NAME']) ?></title>
<h1><?= htmlspecialchars($_SERVER['SITE_NAME']) ?></h1>
<?php if ($answer !== null): ?>
<p>Thank you, <?= htmlspecialchars($owner) ?>: <?= htmlspecialchars($answer) ?>, on <?= date('Y-m-d H:i T') ?>.</p>
<?php endif ?>
<form method="post" enctype="multipart/form-data">
	<label>Your name <input name="owner" required></label>
	<label>A photo, up to <?= ini_get('upload_max_filesize') ?> <input type="file" name="photo"></label>
	<button>Report it</button>
</form>
