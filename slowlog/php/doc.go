// Package php reads the PHP stack of a PHP process, 7.3 to 8.5, out of its
// memory: of php-cgi, php-fpm, the command line and what embeds PHP.
//
// The walk is executor_globals.current_execute_data and its predecessors: a
// zend_execute_data per call, with the function and the instruction it is at.
// Debug and thread-safe (ZTS) builds keep all this elsewhere and are refused;
// the build says of itself what it is, in the head of each of its modules.
package php
