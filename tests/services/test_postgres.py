"""The PostgreSQL of the tests does what tests need of it."""

import socket

import pytest

from tests.services.postgres import PostgresServer


def test_each_test_has_an_empty_database(shared_postgres: PostgresServer) -> None:
    first, second = shared_postgres.new_database(), shared_postgres.new_database()
    shared_postgres.run("create table notes (text text)", first)
    assert shared_postgres.run("select count(*) from pg_tables where tablename = 'notes'", first) == [(1,)]
    assert shared_postgres.run("select count(*) from pg_tables where tablename = 'notes'", second) == [(0,)]


def test_it_is_reached_by_its_socket_too(shared_postgres: PostgresServer) -> None:
    assert shared_postgres.run("select 1", shared_postgres.url(by_socket=True)) == [(1,)]


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "crashed"])
def test_what_was_written_is_there_after_a_restart(own_postgres: PostgresServer, crash: bool) -> None:
    own_postgres.run("create table notes as select 'kept' as text")
    own_postgres.stop(crash=crash)
    with pytest.raises(OSError, match=r"refused|Connect"):
        own_postgres.run("select 1")
    own_postgres.start()
    assert own_postgres.run("select text from notes") == [("kept",)]


def test_while_paused_it_takes_connections_and_says_nothing(own_postgres: PostgresServer) -> None:
    own_postgres.pause()
    with socket.create_connection(("127.0.0.1", own_postgres.port)) as connection:
        connection.sendall(b"\0\0\0\x08\x04\xd2\x16\x2f")  # asks whether it speaks TLS
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        own_postgres.resume()
        connection.settimeout(30)
        assert connection.recv(1) == b"N"
