"""What the functions must find in an access log, computed a second time by other means.

Prints one JSON object for the log that is named on the command line. It shares nothing with the guests:
a regular expression in place of their parser, everything in memory in place of their streams and state.
"""

import collections
import datetime
import json
import re
import sys

LINE = re.compile(
    r'(?P<client>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] "(?P<request>(?:[^"\\]|\\.)*)" '
    r'(?P<status>\d{3}) (?P<bytes>\d+|-) "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"$'
)
GAP = datetime.timedelta(minutes=30)


def main(path):
    unparsable = 0
    minutes = collections.Counter()
    traffic = collections.Counter()
    classes = collections.Counter()
    pages = collections.Counter()
    visits = collections.defaultdict(list)
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            found = LINE.match(line.rstrip("\r\n"))
            if not found:
                unparsable += 1
                continue
            moment = datetime.datetime.strptime(found["time"], "%d/%b/%Y:%H:%M:%S %z")
            minute = moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M")
            minutes[minute] += 1
            traffic[minute] += 0 if found["bytes"] == "-" else int(found["bytes"])
            classes[found["status"][0] + "xx"] += 1
            visits[found["client"]].append(moment)
            words = found["request"].split(" ")
            if len(words) == 3:
                pages[words[1].split("?")[0]] += 1
    sessions = collections.Counter()
    for client, moments in visits.items():
        moments.sort()
        gaps = sum(later - earlier > GAP for earlier, later in zip(moments, moments[1:]))
        sessions[client] = gaps + 1
    print(
        json.dumps(
            {
                "records_in": sum(minutes.values()) + unparsable,
                "parsed": sum(minutes.values()),
                "unparsable": unparsable,
                "requests_per_minute": minutes,
                "bytes_per_minute": traffic,
                "status_classes": classes,
                "pages": pages,
                "sessions": sum(sessions.values()),
                "sessions_per_client": sessions,
            }
        )
    )


main(sys.argv[1])
