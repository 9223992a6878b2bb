"""Two programs written for Python's own socket module: only the line that imports it is different."""

from board import Board
from kernel.bsd import select, socket, time


def echo_server(port=7):
    """Serves all its clients at once, with select()."""
    clients = []
    with socket.create_server(("", port)) as server:
        while True:
            readable, _, _ = select.select([server, *clients], [], [])
            for sock in readable:
                if sock is server:
                    client, address = server.accept()
                    print(f"echo: hello {address[0]}")
                    clients.append(client)
                elif data := sock.recv(1024):
                    sock.sendall(data)
                else:
                    clients.remove(sock)
                    sock.close()


def web_server(port=80):
    """One page, HTTP/1.0."""
    with socket.create_server(("", port)) as server:
        while True:
            client, _ = server.accept()
            with client, client.makefile("rwb") as file:
                method, path, _ = file.readline().decode().split()
                while file.readline().strip():
                    pass
                body = f"{method} {path}: it is {time.monotonic():.0f} s since power-on\n".encode()
                file.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                file.flush()


def fetch(host, path, port=80):
    """An HTTP client: the status and the body."""
    with socket.create_connection((host, port), timeout=5) as sock:
        sock.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
        with sock.makefile("r", newline="\r\n") as file:
            status = file.readline().split(maxsplit=1)[1].strip()
            while file.readline().strip():
                pass
            return status, file.read()


def echo_client(host, words, port=7):
    with socket.create_connection((host, port)) as sock:
        for word in words:
            sock.sendall(word.encode())
            print("echo:", word, "->", sock.recv(1024).decode())


with Board("sim") as b:
    b.spawn(lambda _: echo_server(), "echod")
    b.spawn(lambda _: web_server(), "httpd")
    b.run(7)
    b.spawn(lambda _: echo_client("127.0.0.1", ["one", "two"]), "echo")
    b.spawn(lambda _: print("web:", *fetch("localhost", "/status")), "fetch")
    b.run(1)
    print(b.nsh("cat /proc/net/tcp"))
