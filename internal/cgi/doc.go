// Package cgi holds what RFC 3875 and php-fpm say about one request, as plain
// functions over bytes: its parameters ([Params]), the script it is for
// ([Resolver], [PHPResolver]), the environment and arguments of that script
// ([Params.Environ], [QueryArgs]) and the header of the script's answer
// ([HeaderParser]).
//
// Nothing here opens, reads or waits for anything; the file system is asked
// through a [StatFunc]. Params and HeaderParser are made to be reused from one
// request to the next, and then allocate nothing for an ordinary one.
package cgi
