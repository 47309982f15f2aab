"""What is wanted: `ids_file` reads a CSV file (`csv_layout`, `csv_rows`), `campaign_ids` says what each cell means."""
