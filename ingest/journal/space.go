package journal

import (
	"fmt"
	"syscall"
)

// SpaceOf asks the file system that dir is on (statfs(2)).
func SpaceOf(dir string) (Space, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return Space{}, fmt.Errorf("space of %s: %w", dir, err)
	}
	return Space{Free: int64(s.Bavail * uint64(s.Bsize)), Total: int64(s.Blocks * uint64(s.Bsize))}, nil
}
