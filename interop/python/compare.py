"""So many creates, then so many reads, one after the other; prints the seconds of both."""

import sys
import time

import sandbox

count = int(sys.argv[1])
with sandbox.client() as client:
    client.records.list("opportunity", top=1)
    begun = time.perf_counter()
    ids = [client.records.create("opportunity", {"name": f"Deal {n}", "estimatedvalue": n, "description": "Made to be counted"}) for n in range(count)]
    made = time.perf_counter()
    for row in ids:
        client.records.retrieve("opportunity", row, select=["name", "estimatedvalue"])
    print(made - begun, time.perf_counter() - made)
