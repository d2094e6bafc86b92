-- A node: a quarter of the organizations.
\ir procedures.sql

CALL make_server('mixpanel', :'base_url', $$max_concurrency '8'$$);
CALL make_partitions('accounts', 'mixpanel', 'service_accounts', :first, :quarter);
