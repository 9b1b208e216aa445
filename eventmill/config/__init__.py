"""Settings, logging, errors, polling, atomic files, web links, the disk's reserve."""
