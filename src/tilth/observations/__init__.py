"""What models are compared with: splits of a record, scored steps, targets, averaging and losses."""
