//go:build !linux

package postgres

import "syscall"

// bind does nothing where the kernel offers no such bond: a server that
// outlives a killed program is stopped by the next start.
func bind(*syscall.SysProcAttr) {}
