-- The tour that demo.sh gives.  A block ends at an empty line; its first
-- comment is the title.

-- Connect to an organisation
CREATE EXTENSION mixpanel_sa_fdw;
CREATE SERVER mixpanel FOREIGN DATA WRAPPER mixpanel_sa_fdw
    OPTIONS (organization_id '123', base_url :'base_url');
CREATE USER MAPPING FOR CURRENT_USER SERVER mixpanel
    OPTIONS (username 'admin-bot.mp-service-account', secret 'admin-secret');
CREATE SCHEMA mixpanel;
IMPORT FOREIGN SCHEMA mixpanel FROM SERVER mixpanel INTO mixpanel;

-- Which service accounts are there?
SELECT id, username, role, expires::date, last_used::date
FROM mixpanel.service_accounts
ORDER BY id;

-- Which of them expire within 30 days?
SELECT id, username, date_trunc('hour', expires - now()) AS left
FROM mixpanel.service_accounts
WHERE expires BETWEEN now() AND now() + interval '30 days'
ORDER BY expires;

-- Create one: its secret is shown this once
INSERT INTO mixpanel.service_accounts (username, role, expires)
VALUES ('ci-cd-bot', 'consumer', now() + interval '90 days')
RETURNING id, username, secret;

-- Let it into two projects: one request, sent at COMMIT
INSERT INTO mixpanel.project_memberships (service_account_id, project_id, role)
SELECT id, project, 'analyst'
FROM mixpanel.service_accounts, unnest(ARRAY[1001, 1002]) AS project
WHERE username = 'ci-cd-bot';

-- Who answers for the bots?  A join with a table of one's own
CREATE TABLE bot_owners (username text PRIMARY KEY, owner text);
INSERT INTO bot_owners VALUES ('ci-cd-bot', 'Ada'), ('bot-3', 'Grace');
SELECT a.id, a.username, coalesce(o.owner, '(nobody)') AS owner
FROM mixpanel.service_accounts a LEFT JOIN bot_owners o USING (username)
ORDER BY o.owner, a.id LIMIT 4;

-- Access review: who can do what where
SELECT m.project_id, m.role, string_agg(a.username, ', ' ORDER BY a.id) AS who
FROM mixpanel.project_memberships m
JOIN mixpanel.service_accounts a ON a.id = m.service_account_id
GROUP BY m.project_id, m.role
ORDER BY m.project_id, m.role;

-- Nothing but a create is sent before COMMIT: look, then roll back
BEGIN;
DELETE FROM mixpanel.service_accounts WHERE expires < now();
SELECT change, service_account_id FROM mixpanel_sa_fdw_pending();
ROLLBACK;

-- Delete the expired
DELETE FROM mixpanel.service_accounts WHERE expires < now()
RETURNING id, username;

-- What will a query ask of the API?
EXPLAIN (COSTS OFF)
SELECT * FROM mixpanel.project_memberships WHERE service_account_id = 3;
