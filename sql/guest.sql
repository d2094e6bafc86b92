-- Ordinary tables alone: with the library loaded, statements on them do what
-- they do without it.  test/t/052_guest.pl runs this file in sessions with and
-- without it, and with plan set to EXPLAIN.

\if :{?without_library}
\else
LOAD 'mixpanel_sa_fdw';
\endif
\if :{?plan}
\else
\set plan
\endif

CREATE SCHEMA guest;
SET search_path = guest;

CREATE TABLE plain (id int PRIMARY KEY, v text);
CREATE TABLE parent (id int, v text);
CREATE TABLE child (extra int) INHERITS (parent);
CREATE TABLE grandchild (PRIMARY KEY (id)) INHERITS (child);
CREATE TABLE part (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_high PARTITION OF part FOR VALUES FROM (10) TO (20)
	PARTITION BY LIST (v);
CREATE TABLE part_high_x PARTITION OF part_high FOR VALUES IN ('x');
CREATE TABLE part_high_rest PARTITION OF part_high DEFAULT;
CREATE TABLE one (id int, w text);
CREATE TABLE two (id int, w text);
CREATE VIEW simple AS SELECT id, v FROM plain WHERE id < 15;
CREATE VIEW checked AS SELECT id, v FROM part WHERE id < 15
	WITH CHECK OPTION;
CREATE VIEW barrier WITH (security_barrier) AS
	SELECT id, v FROM parent WHERE v <> 'z';
CREATE VIEW through AS SELECT p.id, p.v, o.w FROM plain p
	LEFT JOIN one o USING (id);
CREATE FUNCTION through_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE plain SET v = NEW.v WHERE id = OLD.id;
	RETURN NEW;
END $$;
CREATE TRIGGER through_update INSTEAD OF UPDATE ON through
	FOR EACH ROW EXECUTE FUNCTION through_update();

INSERT INTO plain SELECT i, 'p' || i FROM generate_series(1, 18, 3) i;
INSERT INTO parent SELECT i, 'a' || i FROM generate_series(1, 18, 4) i;
INSERT INTO child SELECT i, 'b' || i, i FROM generate_series(2, 18, 4) i;
INSERT INTO grandchild SELECT i, 'c' || i, i FROM generate_series(3, 18, 4) i;
INSERT INTO part SELECT i, CASE WHEN i % 3 = 0 THEN 'x' ELSE 'y' END
	FROM generate_series(1, 19, 2) i;
INSERT INTO one SELECT i, 'one' || i FROM generate_series(1, 20, 2) i;
INSERT INTO two SELECT i, 'two' || i FROM generate_series(1, 20, 3) i;
ANALYZE;

-- what a statement has left behind, which is then undone
CREATE VIEW state AS
	SELECT tableoid::regclass::text AS tab, id, v FROM plain
	UNION ALL SELECT tableoid::regclass::text, id, v FROM parent
	UNION ALL SELECT tableoid::regclass::text, id, v FROM part;
\set state 'SELECT tab, string_agg(id || v, $$ $$ ORDER BY id, v) FROM state GROUP BY tab ORDER BY tab; ROLLBACK; BEGIN;'

BEGIN;

-- anti-joins and semi-joins
:plan DELETE FROM part WHERE NOT EXISTS
	(SELECT FROM one WHERE one.id = part.id); :state
:plan DELETE FROM parent WHERE NOT EXISTS
	(SELECT FROM one WHERE one.id = parent.id); :state
:plan DELETE FROM plain WHERE NOT EXISTS
	(SELECT FROM one WHERE one.id = plain.id); :state
:plan DELETE FROM part WHERE EXISTS
	(SELECT FROM one WHERE one.id = part.id AND one.w > part.v); :state
:plan DELETE FROM parent WHERE id IN (SELECT id FROM one); :state
:plan DELETE FROM part WHERE (id, v) IN
	(SELECT one.id, 'y' FROM one LEFT JOIN two USING (id)); :state
:plan DELETE FROM parent WHERE id NOT IN (SELECT id FROM two); :state
:plan UPDATE part SET v = 'x' WHERE NOT EXISTS
	(SELECT FROM two WHERE two.id = part.id); :state
:plan UPDATE parent SET v = v || '!' WHERE NOT EXISTS
	(SELECT FROM two LEFT JOIN one USING (id) WHERE two.id = parent.id);
:state
:plan UPDATE part SET id = 19 - id WHERE EXISTS
	(SELECT FROM two WHERE two.id = part.id); :state

-- the target on either side of every join
:plan UPDATE part SET v = w FROM one WHERE one.id = part.id; :state
:plan UPDATE part SET v = coalesce(t.w, 'none')
	FROM one o LEFT JOIN two t ON t.id = o.id WHERE o.id = part.id; :state
:plan UPDATE part SET v = coalesce(o.w, t.w)
	FROM one o RIGHT JOIN two t ON t.id = o.id WHERE t.id = part.id; :state
:plan UPDATE parent SET v = coalesce(o.w, t.w) FROM one o FULL JOIN two t
	ON t.id = o.id WHERE coalesce(t.id, o.id) = parent.id; :state
:plan UPDATE parent SET v = coalesce(o.w, 'none') FROM parent p
	LEFT JOIN one o ON o.id = p.id WHERE p.id = parent.id; :state
:plan UPDATE parent SET v = coalesce(o.w, 'none') FROM one o
	RIGHT JOIN part p ON o.id = p.id WHERE p.id = parent.id; :state
:plan UPDATE plain SET v = s.w FROM (SELECT o.id, t.w FROM one o
	LEFT JOIN two t ON t.id = o.id + 1 AND t.w > 'two1') s
	WHERE s.id = plain.id; :state
:plan DELETE FROM part USING one o LEFT JOIN two t USING (id)
	WHERE o.id = part.id AND t.id IS NULL; :state
:plan DELETE FROM parent USING one o FULL JOIN two t USING (id) AS j
	WHERE j.id = parent.id; :state
:plan DELETE FROM part USING parent p
	LEFT JOIN LATERAL (SELECT w FROM one WHERE one.id = p.id LIMIT 1) l ON true
	WHERE p.id = part.id AND l.w IS NULL; :state
:plan UPDATE part SET v = (SELECT max(w) FROM one LEFT JOIN two USING (id, w)
	WHERE one.id <= part.id); :state
:plan UPDATE part SET (id, v) = (SELECT min(o.id), 'x' FROM one o
	JOIN two t ON t.id > o.id WHERE o.id >= part.id) WHERE id < 10; :state
:plan WITH moved AS (DELETE FROM parent USING one WHERE one.id = parent.id
	RETURNING parent.id, one.w)
	UPDATE part SET v = moved.w FROM moved WHERE moved.id = part.id; :state

-- MERGE
:plan MERGE INTO part USING one ON one.id = part.id
	WHEN MATCHED AND one.id > 12 THEN DELETE
	WHEN MATCHED THEN UPDATE SET v = one.w; :state
:plan MERGE INTO part USING (SELECT one.id + 1 AS id, two.w FROM one
	LEFT JOIN two USING (id) WHERE one.id < 19) s ON s.id = part.id
	WHEN MATCHED THEN UPDATE SET v = s.w
	WHEN NOT MATCHED THEN INSERT VALUES (s.id, coalesce(s.w, 'new')); :state
:plan MERGE INTO parent USING two ON two.id = parent.id
	WHEN MATCHED THEN UPDATE SET v = two.w
	WHEN NOT MATCHED THEN INSERT VALUES (two.id, two.w); :state
:plan MERGE INTO plain USING
	(SELECT id, one.w, two.w AS w2 FROM one FULL JOIN two USING (id)) s
	ON s.id = plain.id
	WHEN MATCHED AND s.w IS NULL THEN DELETE
	WHEN MATCHED THEN DO NOTHING
	WHEN NOT MATCHED THEN INSERT VALUES (s.id, coalesce(s.w, s.w2)); :state

-- through views
:plan UPDATE simple SET v = w FROM one LEFT JOIN two USING (id, w)
	WHERE one.id = simple.id; :state
:plan DELETE FROM checked WHERE NOT EXISTS
	(SELECT FROM one WHERE one.id = checked.id); :state
:plan UPDATE checked SET id = id + 10
	WHERE id IN (SELECT id FROM two WHERE id < 5); :state
:plan UPDATE checked SET id = 16 WHERE id = 1; :state
:plan UPDATE barrier SET v = w FROM one WHERE one.id = barrier.id
	AND NOT EXISTS (SELECT FROM two WHERE two.id = barrier.id); :state
:plan DELETE FROM barrier USING one o LEFT JOIN two t USING (id)
	WHERE o.id = barrier.id; :state
:plan UPDATE through SET v = coalesce(t.w, o.w) FROM two t
	RIGHT JOIN one o ON t.id = o.id WHERE o.id = through.id; :state

-- INSERT
:plan INSERT INTO part SELECT one.id - 1, two.w FROM one
	LEFT JOIN two USING (id) WHERE NOT EXISTS
	(SELECT FROM parent WHERE parent.id = one.id); :state
:plan INSERT INTO plain AS p SELECT id, w FROM two
	WHERE id NOT IN (SELECT id FROM parent)
	ON CONFLICT (id) DO UPDATE SET v = p.v || excluded.v; :state

:plan WITH added AS (INSERT INTO part SELECT id + 1, 'x' FROM two
	LEFT JOIN one USING (id) WHERE one.id IS NULL RETURNING id, tableoid)
	SELECT tableoid::regclass, count(*) FROM added GROUP BY 1 ORDER BY 1;
:state

-- parents alone, trees joined with themselves, and rows that move
:plan UPDATE ONLY parent SET v = w FROM one RIGHT JOIN two USING (id, w)
	WHERE two.id = parent.id; :state
:plan DELETE FROM ONLY parent WHERE NOT EXISTS
	(SELECT FROM child WHERE child.id = parent.id + 1); :state
:plan DELETE FROM part a USING part b WHERE a.id = b.id AND NOT EXISTS
	(SELECT FROM part c WHERE c.id = b.id + 2); :state
:plan DELETE FROM parent a USING parent b LEFT JOIN child c ON c.id = b.id + 1
	WHERE a.id = b.id AND c.id IS NULL; :state
:plan UPDATE part a SET v = coalesce(b.v, 'none') FROM part c
	LEFT JOIN part b ON b.id = c.id + 2 WHERE a.id = c.id; :state
:plan UPDATE part SET id = (part.id + 10) % 20, v = coalesce(w, v) FROM two o
	LEFT JOIN one USING (id, w) WHERE part.id IN (o.id, o.id + 1); :state
:plan UPDATE part_high SET v = CASE v WHEN 'x' THEN 'y' ELSE 'x' END
	WHERE NOT EXISTS (SELECT FROM two WHERE two.id = part_high.id); :state
:plan UPDATE child SET v = w FROM two LEFT JOIN one USING (id, w)
	WHERE two.id = child.id; :state
:plan DELETE FROM part WHERE (id, v) NOT IN
	(SELECT one.id, 'x' FROM one JOIN two USING (id)); :state
:plan DELETE FROM part WHERE id = ANY (SELECT id FROM two) OR EXISTS
	(SELECT FROM one LEFT JOIN two USING (id, w) WHERE one.id > part.id + 17);
:state
:plan DELETE FROM parent WHERE id IN (SELECT max(id) FROM one
	UNION ALL SELECT t.id FROM two t RIGHT JOIN part p ON p.id = t.id); :state
:plan WITH RECURSIVE up (id) AS (SELECT min(id) FROM one UNION ALL
	SELECT one.id FROM up JOIN one ON one.id = up.id + 2 WHERE one.id < 12)
	UPDATE parent SET v = 'up' FROM up LEFT JOIN two USING (id)
	WHERE up.id = parent.id; :state
:plan UPDATE parent SET v = s.w FROM two, LATERAL (SELECT o.w FROM one o
	LEFT JOIN part USING (id) WHERE o.id >= two.id ORDER BY o.id LIMIT 1) s
	WHERE two.id = parent.id; :state
:plan MERGE INTO part a USING (SELECT b.id, c.v FROM part b
	LEFT JOIN part c ON c.id = b.id + 8) s ON s.id = a.id
	WHEN MATCHED AND s.v IS NULL THEN DELETE
	WHEN MATCHED THEN UPDATE SET id = 19 - a.id, v = s.v; :state
:plan MERGE INTO part_high USING two RIGHT JOIN one USING (id, w)
	ON one.id = part_high.id WHEN MATCHED AND two.id IS NULL THEN DELETE
	WHEN MATCHED THEN DO NOTHING
	WHEN NOT MATCHED AND one.id = 20 THEN INSERT VALUES (12, 'x'); :state
:plan MERGE INTO parent USING (SELECT id FROM one EXCEPT SELECT id FROM two) s
	ON s.id = parent.id AND NOT EXISTS (SELECT FROM part p WHERE p.id = s.id)
	WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'new'); :state

-- what came with 17
\if :{?merge_returns}
:plan WITH merged AS (MERGE INTO part USING one ON one.id = part.id
	WHEN MATCHED AND one.id > 12 THEN DELETE
	WHEN MATCHED THEN UPDATE SET id = 19 - part.id
	WHEN NOT MATCHED BY SOURCE THEN DELETE
	WHEN NOT MATCHED AND one.id < 20 THEN INSERT VALUES (one.id, one.w)
	RETURNING merge_action() AS did, part.*, one.w)
	SELECT * FROM merged ORDER BY 1, 2, 3; :state
:plan WITH merged AS (MERGE INTO parent USING two LEFT JOIN one USING (id)
	ON two.id = parent.id
	WHEN NOT MATCHED BY SOURCE AND parent.v > 'b' THEN UPDATE SET v = 'left'
	WHEN MATCHED AND one.id IS NULL THEN DELETE
	RETURNING merge_action() AS did, parent.id, one.w)
	SELECT * FROM merged ORDER BY 1, 2; :state
:plan MERGE INTO checked USING one LEFT JOIN two USING (id)
	ON one.id = checked.id WHEN MATCHED AND two.id IS NULL THEN DELETE
	WHEN MATCHED THEN UPDATE SET v = one.w; :state
:plan MERGE INTO barrier USING one RIGHT JOIN two USING (id)
	ON two.id = barrier.id WHEN MATCHED THEN UPDATE SET v = coalesce(one.w, '')
	WHEN NOT MATCHED THEN INSERT VALUES (two.id, two.w); :state
\endif

-- row locks
:plan SELECT part.id, one.w FROM part JOIN one ON one.id = part.id
	ORDER BY 1 FOR UPDATE OF part;
:plan SELECT parent.id, two.w FROM parent LEFT JOIN two
	ON two.id = parent.id ORDER BY 1 FOR NO KEY UPDATE OF parent;
:plan SELECT id FROM part WHERE NOT EXISTS
	(SELECT FROM two WHERE two.id = part.id) ORDER BY id FOR SHARE;
:plan SELECT s.id, two.w FROM (SELECT id FROM one ORDER BY id LIMIT 4
	FOR UPDATE) s LEFT JOIN two USING (id) ORDER BY 1;

-- reads
:plan SELECT id, v, w FROM part LEFT JOIN one USING (id) ORDER BY 1, 2;
:plan SELECT id, v, w FROM one RIGHT JOIN parent USING (id) ORDER BY 1, 2;
:plan SELECT id, v, w FROM part FULL JOIN one USING (id) ORDER BY 1, 2;
:plan SELECT count(*) FROM part a, parent b WHERE (a.id, b.v) IN
	(SELECT one.id, 'a' || two.id FROM one JOIN two ON two.id < one.id);
:plan SELECT p.id, l.w FROM parent p LEFT JOIN LATERAL (SELECT max(one.w) AS w
	FROM one JOIN two USING (id) WHERE one.id < p.id) l ON true ORDER BY 1, 2;

ROLLBACK;
SET client_min_messages = warning;
DROP SCHEMA guest CASCADE;
