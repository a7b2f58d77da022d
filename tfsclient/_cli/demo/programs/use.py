"""Reads a batch of images as JSON and prints the digit that the first one shows."""

import json
import sys

from digits import Digits

with Digits(sys.argv[1]) as client:
    print(client.serving_default(images=json.load(sys.stdin)).digit[0])
