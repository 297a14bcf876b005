package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// The files through which a thread sees and changes its confinement. The
// second is shared with other security modules.
var apparmorFiles = [...]string{ //nolint:gochecknoglobals // a table, never changed
	"/proc/thread-self/attr/apparmor/current", "/proc/thread-self/attr/current",
}

// ChangeHat confines the calling thread, and the processes it starts, by the
// AppArmor profile "hat" below the one that confines it. There is no way back.
func ChangeHat(hat string) error {
	var err error
	for _, file := range apparmorFiles {
		if err = changeHat(file, hat); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

func writeFile(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func changeHat(file, hat string) error {
	current, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf(`failed to query apparmor confinement. Please check if "/proc/*/attr/current" is read and writeable.: %w`, err)
	}
	// The mode follows the profile: "/usr/sbin/anyfpm (enforce)".
	profile, _, _ := strings.Cut(strings.TrimRight(string(current), "\n\x00"), " (")
	next := profile + "//" + hat
	if err := writeFile(file, "changeprofile "+next); err != nil {
		return fmt.Errorf(`failed to change to new confinement (%s). Please check if "/proc/*/attr/current" is read and writeable and "change_profile -> %s//*" is allowed.: %w`, next, profile, err)
	}
	return nil
}
