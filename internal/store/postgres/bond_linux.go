package postgres

import "syscall"

// bind makes the kernel shut the server down, in an orderly way, when the
// thread that started it dies, so also when this program is killed.
func bind(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGINT }
