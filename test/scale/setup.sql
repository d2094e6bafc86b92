-- One foreign table for each organization, as partitions of several tables that
-- differ in how they are asked; and the coordinator of four nodes, which are
-- servers of their own (node.sql).
\ir procedures.sql

CALL make_server('mixpanel', :'base_url', $$max_concurrency '8'$$);
CALL make_server('wide', :'base_url', $$max_concurrency '64'$$);
CALL make_server('in_turn', :'base_url', $$async_capable 'false'$$);
CALL make_partitions('accounts', 'mixpanel', 'service_accounts', 123, :organizations);
CALL make_partitions('accounts_wide', 'wide', 'service_accounts', 123, :organizations);
CALL make_partitions('accounts_in_turn', 'in_turn', 'service_accounts', 123, :organizations);
CALL make_partitions('memberships', 'mixpanel', 'project_memberships', 123, :organizations);
CALL make_partitions('memberships_wide', 'wide', 'project_memberships', 123, :organizations);

CREATE DATABASE coordinator;
ALTER DATABASE coordinator SET enable_partitionwise_aggregate = on;
\connect coordinator
CREATE EXTENSION postgres_fdw;
CREATE TABLE accounts (organization_id bigint, id bigint, username text, expires timestamptz)
	PARTITION BY RANGE (organization_id);
CREATE PROCEDURE make_node(number int, quarter bigint, host text, port int) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE SERVER node_%s FOREIGN DATA WRAPPER postgres_fdw '
		'OPTIONS (host %L, port %L, dbname ''postgres'', async_capable ''true'', fetch_size ''10000'')',
		number, host, port);
	EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER node_%s OPTIONS (user ''postgres'')', number);
	EXECUTE format('CREATE FOREIGN TABLE accounts_%s PARTITION OF accounts FOR VALUES FROM (%s) TO (%s) '
		'SERVER node_%1$s OPTIONS (table_name ''accounts'')',
		number, 123 + (number - 1) * quarter, 123 + number * quarter);
END $$;
SELECT format('CALL make_node(%s, %s, %L, %s)', i, :quarter, :'host', :port + i) FROM generate_series(1, 4) i \gexec
