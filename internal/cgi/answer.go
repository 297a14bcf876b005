package cgi

import "log/slog"

// An Answer is a whole response that php-fpm gives in place of a script's, and
// what it says about it.
type Answer struct {
	Status string // "404 Not Found"
	Body   string
	// Stderr is the text for the request's FCGI_STDERR and the log.
	Stderr string
	// Level is the level of Stderr in the log; php-fpm sends it to the client
	// whatever the level.
	Level slog.Level
}

// Answer returns php-fpm's answer to a request whose outcome is not Found.
func (r Resolution) Answer() Answer {
	switch r.Outcome {
	case ExtensionDenied:
		return Answer{
			Status: "403 Forbidden",
			Body:   "Access denied.\n",
			Stderr: "Access to the script '" + r.Script + "' has been denied (see security.limit_extensions)",
			Level:  slog.LevelInfo,
		}
	case NotPermitted:
		return r.cannotOpen("403 Forbidden", "Access denied.\n", "Permission denied")
	case IsDirectory:
		return r.cannotOpen("404 Not Found", "No input file specified.\n", "Is a directory")
	case Missing:
		return r.cannotOpen("404 Not Found", "No input file specified.\n", "No such file or directory")
	default:
		return Answer{
			Status: "404 Not Found",
			Body:   "File not found.\n",
			Stderr: "Primary script unknown",
			Level:  slog.LevelDebug,
		}
	}
}

func (r Resolution) cannotOpen(status, body, reason string) Answer {
	return Answer{
		Status: status,
		Body:   body,
		Stderr: "Unable to open primary script: " + r.Script + " (" + reason + ")",
		Level:  slog.LevelError,
	}
}

// Append appends the response as a CGI program would write it. poweredBy is
// the value of an X-Powered-By header, or empty for none.
func (a Answer) Append(dst []byte, poweredBy string) []byte {
	dst = append(dst, "Status: "...)
	dst = append(dst, a.Status...)
	if poweredBy != "" {
		dst = append(dst, "\r\nX-Powered-By: "...)
		dst = append(dst, poweredBy...)
	}
	dst = append(dst, "\r\nContent-type: text/html; charset=UTF-8\r\n\r\n"...)
	return append(dst, a.Body...)
}
