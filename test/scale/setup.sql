-- One foreign table for each organization, as partitions of several tables
-- that differ in how they are asked.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE EXTENSION mixpanel_sa_fdw;

CREATE PROCEDURE make_server(server text, base_url text, options text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER mixpanel_sa_fdw OPTIONS (base_url %L, %s)',
		server, base_url, options);
	EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER %I '
		'OPTIONS (username ''admin-bot.mp-service-account'', secret ''admin-secret'')', server);
END $$;

CREATE PROCEDURE make_partitions(parent text, server text, object text, first bigint, organizations bigint)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE %I (organization_id bigint, %s) PARTITION BY LIST (organization_id)', parent,
		CASE object WHEN 'service_accounts' THEN 'id bigint, username text, expires timestamptz'
		ELSE 'service_account_id bigint, project_id bigint, role text' END);
	FOR organization IN first .. first + organizations - 1 LOOP
		EXECUTE format('CREATE FOREIGN TABLE %I PARTITION OF %I FOR VALUES IN (%s) '
			'SERVER %I OPTIONS (object %L, organization_id %L)',
			parent || '_' || organization, parent, organization, server, object, organization);
	END LOOP;
END $$;

CALL make_server('mixpanel', :'base_url', $$max_concurrency '8'$$);
CALL make_server('wide', :'base_url', $$max_concurrency '64'$$);
CALL make_server('in_turn', :'base_url', $$async_capable 'false'$$);
CALL make_partitions('accounts', 'mixpanel', 'service_accounts', 123, :organizations);
CALL make_partitions('accounts_wide', 'wide', 'service_accounts', 123, :organizations);
CALL make_partitions('accounts_in_turn', 'in_turn', 'service_accounts', 123, :organizations);
CALL make_partitions('memberships', 'mixpanel', 'project_memberships', 123, :organizations);
CALL make_partitions('memberships_wide', 'wide', 'project_memberships', 123, :organizations);

-- What four nodes hold, a quarter of the organizations each.
CALL make_partitions('node_1', 'mixpanel', 'service_accounts', 123, :quarter);
CALL make_partitions('node_2', 'mixpanel', 'service_accounts', 123 + :quarter, :quarter);
CALL make_partitions('node_3', 'mixpanel', 'service_accounts', 123 + 2 * :quarter, :quarter);
CALL make_partitions('node_4', 'mixpanel', 'service_accounts', 123 + 3 * :quarter, :quarter);

CREATE DATABASE coordinator;
ALTER DATABASE coordinator SET enable_partitionwise_aggregate = on;
\connect coordinator
CREATE EXTENSION postgres_fdw;
CREATE TABLE accounts (organization_id bigint, id bigint, username text, expires timestamptz)
	PARTITION BY RANGE (organization_id);
CREATE PROCEDURE make_node(number int, quarter bigint, host text, port text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE SERVER node_%s FOREIGN DATA WRAPPER postgres_fdw '
		'OPTIONS (host %L, port %L, dbname ''postgres'', async_capable ''true'', fetch_size ''10000'')',
		number, host, port);
	EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER node_%s OPTIONS (user ''postgres'')', number);
	EXECUTE format('CREATE FOREIGN TABLE accounts_%s PARTITION OF accounts FOR VALUES FROM (%s) TO (%s) '
		'SERVER node_%1$s OPTIONS (table_name ''node_%1$s'')',
		number, 123 + (number - 1) * quarter, 123 + number * quarter);
END $$;
SELECT format('CALL make_node(%s, %s, %L, %L)', i, :quarter, :'host', :'port') FROM generate_series(1, 4) i \gexec
