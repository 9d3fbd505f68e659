"""Goes through an IMAP server at sys.argv[1] with imaplib; the message to
append comes on standard input, the certificate to trust is sys.argv[2]."""
import imaplib, ssl, sys, threading, time

host, port = sys.argv[1].split(":")
message = sys.stdin.buffer.read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def ok(answer, want=None):
    status, data = answer
    assert status == "OK", answer
    if want is not None:
        assert data == want, (data, want)
    return data


m = imaplib.IMAP4(host, int(port))
ok(m.starttls(ssl.create_default_context(cafile=sys.argv[2])))
assert "STARTTLS" not in m.capabilities, m.capabilities
try:
    m.login("ann@example.org", "wrong")
    raise AssertionError("wrong password taken")
except imaplib.IMAP4.error:
    pass
ok(m.login("ann@example.org", "secret"))
assert len(ok(m.list())) == 6
assert b"\\Sent" in ok(m.list(pattern="Sent"))[0]
ok(m.create("Projects/One"))
ok(m.subscribe("Projects/One"))
date = imaplib.Time2Internaldate(time.gmtime(1_000_000_000))
ok(m.append("INBOX", r"(\Flagged)", date, message))
ok(m.append("INBOX", None, None, b"Subject: two\r\n\r\nbody\r\n"))
ok(m.select(), [b"2"])
ok(m.search(None, "FLAGGED"), [b"1"])
ok(m.search("UTF-8", "SUBJECT", '"two"'), [b"2"])
data = ok(m.fetch("1", "(UID FLAGS INTERNALDATE BODY.PEEK[])"))
assert data[0][1] == message, data
assert imaplib.Internaldate2tuple(data[0][0]) == time.localtime(1_000_000_000), data
assert imaplib.ParseFlags(data[0][0]) == (b"\\Flagged",), data
data = ok(m.fetch("1:*", "(ENVELOPE)"))
assert b'"ann" "example.org"' in data[0], data
ok(m.store("2", "+FLAGS", r"(\Deleted)"))
ok(m.copy("1", "Projects/One"))
ok(m.expunge(), [b"2"])
ok(m.uid("MOVE", "1", "Trash"))
ok(m.status("INBOX", "(MESSAGES UIDNEXT)"), [b'"INBOX" (MESSAGES 0 UIDNEXT 3)'])
ok(m.rename("Projects", "Done"))
ok(m.select("Done/One", readonly=True), [b"1"])
ok(m.close())
ok(m.delete("Done/One"))
assert m.logout()[0] == "BYE"
