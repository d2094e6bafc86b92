"""What an application does, with psycopg (3) or psycopg2, told in lines.

    python_client.py MODULE        connects as libpq's environment says

NO_PREPARE in the environment keeps psycopg from preparing statements on the
server.  061_clients.pl knows the lines that every client prints.
"""

import datetime
import importlib
import os
import sys

driver = importlib.import_module(sys.argv[1])
options = {}
if sys.argv[1] == "psycopg" and os.environ.get("NO_PREPARE"):
    options["prepare_threshold"] = None
connection = driver.connect("", **options)
cursor = connection.cursor()

MEMBERS = (
    "SELECT project_id, role FROM mp.project_memberships"
    " WHERE service_account_id = %s ORDER BY project_id"
)
ADD = (
    "INSERT INTO mp.project_memberships"
    " (service_account_id, project_id, role) VALUES (%s, %s, %s)"
)


def tell(what, *words):
    print(what + ":", *words)


def rows(sql, *arguments):
    cursor.execute(sql, arguments)
    return cursor.fetchall()


def members(account):
    return " ".join(f"{project}={role}" for project, role in rows(MEMBERS, account))


def read():
    tell("accounts", *[id for (id,) in rows("SELECT id FROM mp.service_accounts ORDER BY id")])
    names = [
        rows("SELECT username FROM mp.service_accounts WHERE id = %s", id)[0][0]
        for id in (2, 3, 4, 2, 3, 4, 2)
    ]
    tell("names", *names)
    some = rows("SELECT id FROM mp.service_accounts WHERE id = ANY (%s) ORDER BY id", [2, 3])
    tell("some", *[id for (id,) in some])
    connection.commit()


def read_by_cursor():
    with connection.cursor("by_two") as by_two:
        by_two.itersize = 2
        by_two.execute("SELECT id FROM mp.service_accounts ORDER BY id")
        tell("cursor", *[id for (id,) in by_two])
    connection.commit()


def create():
    expires = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    [(account, secret)] = rows(
        "INSERT INTO mp.service_accounts (username, expires) VALUES (%s, %s) RETURNING id, secret",
        "client-bot",
        expires,
    )
    connection.commit()
    tell("secret", len(secret))
    [(stored,)] = rows("SELECT expires FROM mp.service_accounts WHERE id = %s", account)
    tell("expires", stored.astimezone(datetime.timezone.utc).isoformat())
    connection.commit()
    return account


def change(account):
    cursor.execute(ADD, (account, 1001, "admin"))
    tell("in transaction", members(account))
    connection.rollback()
    tell("rolled back", members(account))
    cursor.executemany(ADD, [(account, 1001, "admin"), (account, 1002, "admin")])
    connection.commit()
    tell("committed", members(account))
    cursor.execute(
        "UPDATE mp.project_memberships SET role = 'analyst'"
        " WHERE service_account_id = %s AND project_id = 1001",
        (account,),
    )
    cursor.execute(
        "DELETE FROM mp.project_memberships WHERE service_account_id = %s AND project_id = 1002",
        (account,),
    )
    connection.commit()
    tell("changed", members(account))
    connection.commit()


def sqlstate(sql, *arguments):
    try:
        cursor.execute(sql, arguments)
        connection.commit()
    except driver.Error as error:
        connection.rollback()
        return getattr(error, "sqlstate", None) or error.pgcode
    return "no error"


def fail():
    tell("given id", sqlstate(
        "INSERT INTO mp.service_accounts (id, username) VALUES (99, 'x') RETURNING id, secret"))
    tell("unread secret", sqlstate("INSERT INTO mp.service_accounts (username) VALUES ('x')"))
    tell("update of a key", sqlstate(
        "UPDATE mp.project_memberships SET project_id = 1 WHERE service_account_id = %s", 2))
    tell("unknown project", sqlstate(ADD, 2, 9999, "admin"))
    tell("own account", sqlstate("DELETE FROM mp.service_accounts WHERE id = 1"))
    tell("wrong secret", sqlstate("SELECT * FROM wrong.service_accounts"))


def delete(account):
    cursor.execute("DELETE FROM mp.service_accounts WHERE id = %s", (account,))
    tell("deleted", cursor.rowcount)
    connection.commit()


read()
read_by_cursor()
account = create()
change(account)
fail()
delete(account)
connection.close()
