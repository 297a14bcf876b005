// Package phpini writes php.ini entries for php-cgi: as arguments ([Quote]),
// and as files that make php_admin_value binding ([Create]).
//
// php-fpm sets php_admin_value inside its workers, so that neither ini_set()
// nor a .user.ini changes it. For php-cgi, -d is a default like any other; but
// a section [PATH=/dir] of an ini file binds every script below /dir. Such a
// section for each directory of the root, in a directory that PHP_INI_SCAN_DIR
// adds to the usual ones, and one for the root itself cover all scripts.
package phpini
