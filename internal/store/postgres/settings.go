package postgres

import "runtime"

// port only names the socket file: nothing listens on the network.
const port = "5432"

// serverArgs is the whole configuration of the server: on the command line, so
// that a newer tieout brings its own to an old cluster.
func serverArgs(data, sockets string, volatile bool) []string {
	settings := []string{
		"listen_addresses=",
		"port=" + port,
		"unix_socket_directories=" + sockets,
		"unix_socket_permissions=0700",
		"max_connections=200",
		"timezone=UTC",
		// A few large batches: big scans and joins, COPY into new tables.
		"work_mem=32MB",
		"temp_buffers=256MB", // a session takes what it fills: the match step's tables
		"maintenance_work_mem=128MB",
		"max_wal_size=4GB",
		"checkpoint_timeout=15min",
		"random_page_cost=1.1",
		"jit=off",
		// Nothing replicates from here, so COPY into a new table needs no log.
		"wal_level=minimal",
		"max_wal_senders=0",
		// Neither statements nor rows may reach the log: they hold account
		// numbers.
		"logging_collector=off",
		"log_destination=stderr",
		"log_timezone=UTC",
		"log_error_verbosity=terse",
		"log_min_error_statement=panic",
		"log_checkpoints=off",
	}
	if runtime.GOOS == "linux" {
		// Containers have 64 MB of /dev/shm, too little for a parallel join.
		settings = append(settings, "dynamic_shared_memory_type=sysv")
	}
	if volatile {
		settings = append(settings, "shared_buffers=64MB", "fsync=off", "full_page_writes=off", "synchronous_commit=off")
	} else {
		settings = append(settings, "shared_buffers=256MB", "fsync=on", "synchronous_commit=on")
	}
	args := []string{"-D", data}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	return args
}
