package config

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"gopkg.in/ini.v1"
)

// Write writes a configuration as one file that Load reads back to the same
// configuration: what the files (or Default) set, with includes and variables
// resolved and defaults left out. It is the file to start from when the
// built-in configuration is no longer enough.
//
// This is where gopkg.in/ini.v1 serves: it lays sections and keys out. It does
// not read our files, for nearly every rule of php-fpm differs from its own:
// lines that continue, '#' comments, ':' as a separator, inherited sections,
// %(name)s, backquotes; no line numbers; and no operators, constants and ${}.
// What is written is therefore quoted for PHP's scanner beforehand.
func Write(w io.Writer, c *Config) error {
	file := ini.Empty(ini.LoadOptions{IgnoreInlineComment: true, AllowShadows: true, AllowDuplicateShadowValues: true, KeyValueDelimiters: "="})
	if err := writeSection(file, "global", &section{global: &c.Global}); err != nil {
		return err
	}
	for _, p := range c.Pools {
		if err := writeSection(file, p.Name, &section{global: &c.Global, pool: p}); err != nil {
			return err
		}
	}
	_, err := file.WriteTo(w)
	return err
}

func writeSection(file *ini.File, name string, s *section) error {
	title := quote(name)
	if title == "" || strings.EqualFold(title, ini.DefaultSection) {
		title = `"` + name + `"`
	}
	out, err := file.NewSection(title)
	if err != nil {
		return fmt.Errorf("cannot write section %q: %w", name, err)
	}
	add := func(key, value string) error {
		if strings.ContainsAny(value, "\n\r\x00") {
			return fmt.Errorf("cannot write '%s' of %q: its value has a line end", key, name)
		}
		if _, err := out.NewKey(key, value); err != nil {
			return fmt.Errorf("cannot write '%s' of %q: %w", key, name, err)
		}
		return nil
	}
	for _, g := range s.directives() {
		for _, d := range g.directives {
			if m, ok := s.given().values[d.name]; ok {
				if err := add(d.name, d.written(m.text)); err != nil {
					return err
				}
			}
		}
		for _, row := range g.lists {
			if row.inDump != "" {
				continue // its entries are with another list's
			}
			for _, e := range s.given().lists[row.name] {
				key, err := row.key(e.Key)
				if err != nil {
					return fmt.Errorf("cannot write %q: %w", name, err)
				}
				if err := add(key, quote(e.Value)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// written is a value as it is put into a file.
func (d *directive) written(text string) string {
	if d.value.kind != boolean.name {
		return quote(text)
	}
	on, _ := boolean.parse(text)
	return boolean.format(on)
}

// key is the name of a list's entry.
func (l *list) key(key string) (string, error) {
	if strings.ContainsAny(key, "'\"=`\n\r\x00") {
		return "", fmt.Errorf("the key of %s[%s] cannot be quoted", l.name, key)
	}
	if key == "" || plainText.MatchString(key) && phpConstants[key] == "" {
		return l.name + "[" + key + "]", nil
	}
	return l.name + "['" + key + "']", nil
}

// plainText needs no quotes, unless it is a word that means something.
var plainText = regexp.MustCompile(`^[A-Za-z0-9_./:,-]*$`)

var quoteEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`)

// quote puts a value into double quotes if it needs them. One with a backquote
// is quoted by ini.v1, three times on either side, which to PHP's scanner is
// the string between two empty ones.
func quote(value string) string {
	switch lower := strings.ToLower(value); {
	case strings.Contains(value, "`"):
		return quoteEscapes.Replace(value)
	case lower == "true", lower == "on", lower == "yes", lower == "false", lower == "off", lower == "no",
		lower == "none", lower == "null", phpConstants[value] != "", !plainText.MatchString(value):
		return `"` + quoteEscapes.Replace(value) + `"`
	default:
		return value
	}
}
