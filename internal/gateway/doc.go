// Package gateway is the HTTP door of a pool: an [http.Handler] that serves
// the files of a document root and hands the scripts among them to the pool
// by FastCGI.
//
// A file that is executable or has one of the pool's script extensions is a
// script; it is run and never sent. Everything else is sent as it is, with
// ETag, conditional and range requests. The walk from URL to file happens
// inside an [os.Root], so neither a "..", nor a symbolic link that leads out of
// the root, nor a name that begins with a dot gets through. What follows a
// script in the URL is its PATH_INFO.
//
// Scripts get the meta-variables of RFC 3875 and those that nginx and Apache
// add. A client cannot set a variable that it should not: Proxy is dropped
// (httpoxy), and so are header names with an underscore, which would be the
// same variable as one with a hyphen.
//
// Request and response are streamed as they come and at the same time. A
// client that goes away ends its request in the pool. A response that breaks
// off is broken off for the client, too, and never looks complete.
//
// A local redirect (RFC 3875 §6.2.2: a response of nothing but
// "Location: /path") is followed inside the gateway.
package gateway
