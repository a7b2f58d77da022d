"""``python -m tfsclient.server``."""

from tfsclient.server.cli import serve

serve(prog_name="tfsclient serve")
