"""The batch jobs, a file each: options in, one call into `exporter`, an exit code out."""
