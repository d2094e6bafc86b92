import java.sql.Array;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;

/**
 * What an application does, with JDBC, told in lines. 061_clients.pl knows the
 * lines that every client prints.
 *
 * <p>java -cp postgresql.jar JdbcClient.java URL
 */
public class JdbcClient {
    private static final String ADD =
            "INSERT INTO mp.project_memberships (service_account_id, project_id, role)"
                    + " VALUES (?, ?, ?)";

    private final Connection connection;

    private JdbcClient(String url) throws SQLException {
        connection = DriverManager.getConnection(url);
        connection.setAutoCommit(false);
    }

    public static void main(String[] arguments) throws SQLException {
        JdbcClient client = new JdbcClient(arguments[0]);

        client.read();
        client.readByCursor();
        long account = client.create();
        client.change(account);
        client.fail();
        client.delete(account);
        client.connection.close();
    }

    private static void tell(String what, Object words) {
        System.out.println(what + ": " + words);
    }

    private PreparedStatement prepare(String sql, Object... values) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);

        for (int i = 0; i < values.length; i++) {
            statement.setObject(i + 1, values[i]);
        }
        return statement;
    }

    private static String column(PreparedStatement statement) throws SQLException {
        List<String> found = new ArrayList<>();

        try (ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                found.add(rows.getString(1));
            }
        }
        return String.join(" ", found);
    }

    private String members(long account) throws SQLException {
        return column(
                prepare(
                        "SELECT project_id || '=' || role FROM mp.project_memberships"
                                + " WHERE service_account_id = ? ORDER BY project_id",
                        account));
    }

    private void read() throws SQLException {
        tell("accounts", column(prepare("SELECT id FROM mp.service_accounts ORDER BY id")));
        PreparedStatement byId =
                connection.prepareStatement("SELECT username FROM mp.service_accounts WHERE id = ?");
        List<String> names = new ArrayList<>();
        for (long id : new long[] {2, 3, 4, 2, 3, 4, 2}) {
            byId.setLong(1, id);
            names.add(column(byId));
        }
        tell("names", String.join(" ", names));
        Array ids = connection.createArrayOf("bigint", new Long[] {2L, 3L});
        PreparedStatement some =
                connection.prepareStatement(
                        "SELECT id FROM mp.service_accounts WHERE id = ANY (?) ORDER BY id");
        some.setArray(1, ids);
        tell("some", column(some));
        connection.commit();
    }

    private void readByCursor() throws SQLException {
        PreparedStatement all = prepare("SELECT id FROM mp.service_accounts ORDER BY id");

        all.setFetchSize(2);
        tell("cursor", column(all));
        connection.commit();
    }

    private long create() throws SQLException {
        OffsetDateTime expires = OffsetDateTime.of(2030, 1, 2, 3, 4, 5, 0, ZoneOffset.UTC);
        PreparedStatement insert =
                prepare(
                        "INSERT INTO mp.service_accounts (username, expires) VALUES (?, ?)"
                                + " RETURNING id, secret",
                        "client-bot",
                        expires);
        long account;

        try (ResultSet row = insert.executeQuery()) {
            row.next();
            account = row.getLong("id");
            tell("secret", row.getString("secret").length());
        }
        connection.commit();
        try (ResultSet row =
                prepare("SELECT expires FROM mp.service_accounts WHERE id = ?", account)
                        .executeQuery()) {
            row.next();
            OffsetDateTime stored = row.getObject(1, OffsetDateTime.class);
            tell("expires", stored.withOffsetSameInstant(ZoneOffset.UTC).toString().replace("Z", "+00:00"));
        }
        connection.commit();
        return account;
    }

    private void change(long account) throws SQLException {
        prepare(ADD, account, 1001L, "admin").executeUpdate();
        tell("in transaction", members(account));
        connection.rollback();
        tell("rolled back", members(account));

        PreparedStatement batch = connection.prepareStatement(ADD);
        for (long project : new long[] {1001, 1002}) {
            batch.setLong(1, account);
            batch.setLong(2, project);
            batch.setString(3, "admin");
            batch.addBatch();
        }
        batch.executeBatch();
        connection.commit();
        tell("committed", members(account));

        prepare(
                        "UPDATE mp.project_memberships SET role = 'analyst'"
                                + " WHERE service_account_id = ? AND project_id = 1001",
                        account)
                .executeUpdate();
        prepare(
                        "DELETE FROM mp.project_memberships"
                                + " WHERE service_account_id = ? AND project_id = 1002",
                        account)
                .executeUpdate();
        connection.commit();
        tell("changed", members(account));
        connection.commit();
    }

    private String sqlState(String sql, Object... values) throws SQLException {
        try {
            prepare(sql, values).execute();
            connection.commit();
        } catch (SQLException error) {
            connection.rollback();
            return error.getSQLState();
        }
        return "no error";
    }

    private void fail() throws SQLException {
        tell(
                "given id",
                sqlState(
                        "INSERT INTO mp.service_accounts (id, username) VALUES (99, 'x')"
                                + " RETURNING id, secret"));
        tell("unread secret", sqlState("INSERT INTO mp.service_accounts (username) VALUES ('x')"));
        tell(
                "update of a key",
                sqlState(
                        "UPDATE mp.project_memberships SET project_id = 1"
                                + " WHERE service_account_id = ?",
                        2L));
        tell("unknown project", sqlState(ADD, 2L, 9999L, "admin"));
        tell("own account", sqlState("DELETE FROM mp.service_accounts WHERE id = 1"));
        tell("wrong secret", sqlState("SELECT * FROM wrong.service_accounts"));
    }

    private void delete(long account) throws SQLException {
        tell(
                "deleted",
                prepare("DELETE FROM mp.service_accounts WHERE id = ?", account).executeUpdate());
        connection.commit();
    }
}
