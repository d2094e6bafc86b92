-- What makes servers, and foreign tables as partitions, one for each
-- organization.
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
