"""Inputs as they are typed, pasted and kept in files, for a signature.

    NAME=VALUE      JSON; for a string input JSON only if it starts with ", [ or { and is JSON, else
                    the text as it is
    NAME=@a.json    JSON in a file
    NAME=@a.npy     an array that numpy.save wrote
    NAME=@a.npz     the array NAME that numpy.savez wrote, or the only one
    NAME=@a.jsonl   a value a line, or an object a line that has NAME
    NAME=@a.csv     the column NAME; table.py says what its cells may hold
    NAME=@a.png     a picture, as tfsclient.Image makes it fit
    NAME=@a.bin     any other file: its bytes, for a string input
    VALUE, @FILE    without NAME: the only input's, or all inputs': rows (a JSON list of objects,
                    .jsonl, .csv), columns (a JSON object, .npz) or a body of TF Serving's
    - or @-         standard input, of what kind its content says; -.csv, @-.jsonl say it

JSON may hold NaN and Infinity, also as strings where numbers are wanted, and {"b64": "..."} for
bytes, as TF Serving's own does.  Nothing here knows of the command line's options.
"""

from tfsclient._cli.inputs.given import Given
from tfsclient._cli.inputs.reading import Content, read_one, read_whole
from tfsclient._cli.inputs.sources import SUFFIXES, Source

__all__ = ["SUFFIXES", "Content", "Given", "Source", "read_one", "read_whole"]
