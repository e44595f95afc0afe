"""The report of a run: figures and one self-contained HTML page, made from the files of a run folder."""
