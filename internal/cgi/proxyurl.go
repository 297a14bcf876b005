package cgi

import "bytes"

// stripProxyURL reduces a SCRIPT_FILENAME that Apache's mod_proxy made to the
// path in it: no scheme (whose case does not count), host or query. apache
// reports whether it did. The result is a part of file.
func stripProxyURL(file []byte) (path []byte, apache bool) {
	for _, prefix := range [...]string{"proxy:fcgi://", "proxy:balancer://"} {
		if len(file) < len(prefix) || !bytes.EqualFold(file[:len(prefix)], []byte(prefix)) {
			continue
		}
		if slash := bytes.IndexByte(file[len(prefix):], '/'); slash >= 0 {
			file = file[len(prefix)+slash:]
			apache = true
		}
		if query := bytes.IndexByte(file, '?'); query >= 0 {
			file = file[:query]
		}
	}
	return file, apache
}
