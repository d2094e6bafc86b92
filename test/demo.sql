-- The tour that demo.sh gives.  A block ends at an empty line; its first
-- comment is the title.  A block whose title begins with "Refused" fails.

-- Connect to an organization
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

-- Create one: Mixpanel adds to the name, and shows the secret this once
INSERT INTO mixpanel.service_accounts (username, role, expires)
VALUES ('ci-cd-bot', 'consumer', now() + interval '90 days')
RETURNING id, username, secret;

-- Let it into two projects, by the id above: one request, sent at COMMIT
INSERT INTO mixpanel.project_memberships (service_account_id, project_id, role)
VALUES (9, 1001, 'analyst'), (9, 1002, 'analyst');

-- Who answers for the bots?  A join with a table of one's own
CREATE TABLE bot_owners (id bigint PRIMARY KEY, owner text);
INSERT INTO bot_owners VALUES (9, 'Ada'), (3, 'Grace');
SELECT a.id, a.username, coalesce(o.owner, '(nobody)') AS owner
FROM mixpanel.service_accounts a LEFT JOIN bot_owners o USING (id)
ORDER BY o.owner, a.id LIMIT 4;

-- Access review: who can do what where
SELECT m.project_id, m.role,
       string_agg(split_part(a.username, '.', 1), ' ' ORDER BY a.id) AS who
FROM mixpanel.project_memberships m
JOIN mixpanel.service_accounts a ON a.id = m.service_account_id
GROUP BY m.project_id, m.role
ORDER BY m.project_id, m.role
LIMIT 2;

-- Changes wait for COMMIT: look at them, then roll back
BEGIN;
DELETE FROM mixpanel.service_accounts WHERE expires < now();
SELECT change, service_account_id FROM mixpanel_sa_fdw_pending();
ROLLBACK;

-- A new account cannot wait, so ROLLBACK deletes it again
BEGIN;
INSERT INTO mixpanel.service_accounts (username) VALUES ('try-out')
RETURNING id, username, secret;
ROLLBACK;
SELECT count(*) FROM mixpanel.service_accounts WHERE username LIKE 'try-out%';

-- Refused: an account whose secret nobody would read
INSERT INTO mixpanel.service_accounts (username) VALUES ('no-secret');

-- Refused: more deletions than this session allows itself
SET mixpanel_sa_fdw.max_deletes = 1;
DELETE FROM mixpanel.service_accounts WHERE expires < now();

-- Refused: a project that is not there, in Mixpanel's own words
INSERT INTO mixpanel.project_memberships (service_account_id, project_id, role)
VALUES (9, 4711, 'analyst');

-- Delete the expired
DELETE FROM mixpanel.service_accounts WHERE expires < now()
RETURNING id, username;

-- What will a query ask of the API, and what did it ask?
EXPLAIN (COSTS OFF)
SELECT * FROM mixpanel.project_memberships WHERE service_account_id = 3;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)
SELECT username, role FROM mixpanel.service_accounts WHERE id IN (3, 9);
