python3 -c '
import select, socket, sys, time
own, others = sys.argv[1], sys.argv[2:]
speaker = socket.socket(socket.AF_INET6 if ":" in own else socket.AF_INET, socket.SOCK_RAW, 112)
speaker.bind((own, 0))
heard, answered, rounds, end = set(), set(), 0, time.monotonic() + 8
while time.monotonic() < end and rounds < 3:
    rounds += answered >= set(others)
    for other in others:
        try:
            speaker.sendto(b"windlass-heard" if other in heard else b"windlass-asks", (other, 0))
        except OSError:
            pass
    pause = time.monotonic() + 0.1
    while select.select([speaker], [], [], max(0, pause - time.monotonic()))[0]:
        try:
            said, source = speaker.recvfrom(2048)
        except OSError:
            continue
        if source[0] in others and b"windlass-" in said:
            heard.add(source[0])
            if said.endswith(b"-heard"):
                answered.add(source[0])
print("listened=" + own)
for other in sorted(heard):
    print("heard=" + other)
' 192.0.2.1 192.0.2.2 192.0.2.3 2>/dev/null || :
