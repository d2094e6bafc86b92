# A generator of random statements over the foreign tables and ordinary ones.
#
# Owns what a statement may look like.  Knows nothing of how it is run: "S." in
# a statement stands for the schema of the foreign tables, or of ordinary ones
# with the same rows.  The ordinary tables of schema "o" are the same on both
# sides.  Everything follows from rand().
package MixpanelQuery;

use strict;
use warnings;

# Tables on the side of the API: columns that give an account's id, a project's
# id, and texts.  Those of names() are read only where something is decided on
# them, so that a query which merely shows them may have NULLs there.
my %foreign = (
	'S.service_accounts' => { a => ['id'], t => [qw(username role name)] },
	'S.project_memberships' => {
		a => ['service_account_id'],
		p => ['project_id'],
		t => [qw(role username project_name)],
	},
	'S.domains' =>
	  { a => ['sid'], p => ['pid'], t => [qw(role account_name)] },
	'S.narrow' =>
	  { a => ['sid'], p => ['pid'], t => [qw(role account_name project_name)] },
	'S.numbers' => { a => ['sid'], p => ['pid'], t => ['role'] },
	'S.parts' => {
		a => ['sid'],
		p => ['pid'],
		t => [qw(role account_name project_name)],
		g => ['organization_id'],
	},
);

# Ordinary tables.  hist has more rows than the smallest work_mem holds, and
# each many times.
my %ordinary = (
	'o.want' => { a => ['sid'], p => ['pid'], t => ['role'], g => ['team'] },
	'o.event' => { g => ['team'], t => ['kind'], a => ['sid'] },
	'o.hist' => { a => ['sid'], g => ['team'] },
	'o.types' => {
		a => [qw(i4 i8 n dom dom4 nested)],
		p => [qw(p2 p8)],
		t => ['word'],
		g => ['team'],
	},
	'o.split' => { a => ['sid'], p => ['pid'], g => ['team'], t => ['role'] },
);
my %tables = (%foreign, %ordinary);

my $number;

sub chance { return rand() < $_[0]; }
sub any { return $_[ int rand @_ ]; }

# A table under a new name, as [alias, name].
sub table
{
	my ($of) = @_;

	return [ 't' . ++$number, any(sort keys %{ $of // \%tables }) ];
}

sub foreign_table { return table(\%foreign); }

sub ordinary_table { return table(\%ordinary); }

# A column of a kind (a: account, p: project, g: small number, t: text); undef
# if the table has none.
sub column
{
	my ($table, $kind) = @_;
	my $columns = $tables{ $table->[1] }{$kind};

	return defined $columns ? "$table->[0]." . any(@{$columns}) : undef;
}

# Every column of a table that may be shown.
sub columns
{
	my ($table) = @_;
	my $kinds = $tables{ $table->[1] };

	return map { "$table->[0].$_" } map { @{ $kinds->{$_} } } sort keys %{$kinds};
}

sub from { return "$_[0][1] $_[0][0]"; }

# Values of a kind.
sub value
{
	my ($kind) = @_;

	return any(32_740 + int rand 50, 32_740 + int rand 50, 0, -3, 7, 40_000)
	  if $kind eq 'a';
	return any(1001 + int rand 6, 1001 + int rand 12, 1) if $kind eq 'p';
	return any(123, int rand 5, int rand 5) if $kind eq 'g';
	return "'"
	  . any('admin', 'analyst', 'consumer', 'k1', 'bot-32750',
		'Project 1002', 'bot-' . (32_740 + int rand 40),
		'Project ' . (1001 + int rand 7))
	  . "'";
}

# A value or something that gives one.
sub expression
{
	my ($kind) = @_;
	my $value = value($kind);

	return chance(0.8) ? $value : "(SELECT max(v) FROM (VALUES ($value)) x(v))"
	  if $kind eq 't';
	return any(
		$value, $value, "$value\::bigint",
		"(SELECT $value)", "$value + 0", "$value\::numeric",
		"$value\::o.big");
}

# A condition on one table.
sub restriction
{
	my ($table) = @_;
	my $kind = any(grep { defined column($table, $_) } qw(a a p p g t));
	my $column = column($table, $kind);
	my @values = map { value($kind) } 0 .. int rand 4;
	my $list = join(', ', @values);
	my $type = $kind eq 't' ? 'text' : any('bigint', 'int');

	return any(
		"$column = " . expression($kind), "$column = " . expression($kind),
		"$column IN ($list)", "$column = ANY (ARRAY[$list, NULL]::$type\[])",
		"($column = $values[0] OR $column = $values[-1])",
		"$column > $values[0]", "$column <> $values[0]",
		"$column IS NOT NULL", "$column NOT IN ($list)",
		"$column IS DISTINCT FROM $values[0]",
		"coalesce($column, $values[0]) = $values[0]",
		$kind eq 't' ? "$column LIKE '%a%'" : "$column % 3 = 1",
		$kind eq 't' ? "$column IS NULL" : "NOT $column < $values[0]",
		row_comparison($table, $column, $values[0]));
}

# A column and another of the table, compared as a row with values.
sub row_comparison
{
	my ($table, $column, $value) = @_;
	my $kind = any(grep { defined column($table, $_) } qw(a p g t));
	my $row = '(' . column($table, $kind) . ", $column)";

	return "$row " . any('<', '>=', '=', '<>', 'IS DISTINCT FROM')
	  . ' (' . value($kind) . ", $value)";
}

# A condition that joins two tables.
sub join_condition
{
	my ($one, $other) = @_;
	my @kinds = grep { defined column($one, $_) && defined column($other, $_) }
	  qw(a a a p p g t);
	my @conditions;

	foreach my $kind (map { any(@kinds) } 1 .. (chance(0.3) ? 2 : 1))
	{
		my ($left, $right) = (column($one, $kind), column($other, $kind));

		($left, $right) = ($right, $left) if chance(0.5);
		$right = "$right + " . int rand 2 if chance(0.15) && $kind ne 't';
		push @conditions, any(
			("$left = $right") x 12,
			"$left < $right", "($left = $right OR $left = "
			  . expression($kind) . ')');
	}
	push @conditions, restriction(any($one, $other)) if chance(0.25);
	return join(' AND ', @conditions);
}

# Can the two be joined by equality?
sub joinable
{
	my ($one, $other) = @_;

	return
	  grep { defined column($one, $_) && defined column($other, $_) } qw(a p g);
}

# A table that can be joined to one of those given.
sub partner
{
	my ($to, $of) = @_;
	my $table;

	do { $table = table($of) } until joinable($to, $table);
	return $table;
}

# A condition with a sub-select.
sub sub_select
{
	my ($table, $depth) = @_;
	my @others = partner($table);

	push @others, partner($others[0]) if chance(0.3);
	my ($one, $other) = @others;
	my $from = from($one);
	my @where = map { restriction($one) } 1 .. (chance(0.4) ? 1 : 0);

	$from .= any(' JOIN ', ' JOIN ', ' LEFT JOIN ')
	  . from($other) . ' ON ' . join_condition($one, $other)
	  if defined $other;
	push @where, sub_select($one, $depth - 1) if $depth > 0 && chance(0.2);
	my $where = @where ? ' WHERE ' . join(' AND ', @where) : '';
	my @kinds = joinable($table, $one);
	my $kind = any(@kinds);
	my ($left, $right) = (column($table, $kind), column($one, $kind));

	if (chance(0.4))
	{
		my $condition = join_condition($table, $one);

		return any('EXISTS', 'NOT EXISTS') . " (SELECT FROM $from"
		  . (@where ? "$where AND" : ' WHERE')
		  . " $condition)";
	}
	return "$left " . any('IN', 'IN', 'NOT IN') . " (SELECT $right FROM $from$where)"
	  if @kinds == 1 || chance(0.5);
	return '(' . join(', ', map { column($table, $_) } @kinds[ 0, 1 ]) . ') '
	  . any('IN', 'IN', 'IN', 'NOT IN')
	  . ' (SELECT '
	  . join(', ', map { column($one, $_) } @kinds[ 0, 1 ])
	  . " FROM $from$where)"
	  if chance(0.7);
	my $of = any(qw(max min count));

	return "$left >= (SELECT $of($right) FROM $from"
	  . (@where ? "$where AND " : ' WHERE ')
	  . join_condition($table, $one) . ')';
}

# (x.team, m.sid) IN (SELECT team, sid ...) over two tables: what is compared is
# not on one side of any one join.
sub pair_in
{
	my ($event, $member) = @_;
	my $want = [ 't' . ++$number, any('o.want', 'o.types') ];
	my $where = chance(0.4) ? ' WHERE ' . restriction($want) : '';

	return '('
	  . column($event, 'g') . ', '
	  . column($member, 'a')
	  . ') IN (SELECT '
	  . column($want, 'g') . ', '
	  . column($want, 'a')
	  . ' FROM '
	  . from($want)
	  . "$where)";
}

# A SELECT without ORDER BY, and the names that it gives.
sub select
{
	$number = 0;
	my @tables = (chance(0.5) ? foreign_table() : ordinary_table());
	my $from = from($tables[0]);
	my @where;
	my $has_foreign = $tables[0][1] =~ /^S/;

	foreach (1 .. any(0, 1, 1, 1, 2, 2))
	{
		my $to = any(@tables);
		my $next = partner($to, $has_foreign ? undef : \%foreign);
		my $kind = any('JOIN', 'JOIN', 'LEFT JOIN', 'LEFT JOIN', 'RIGHT JOIN',
			'FULL JOIN', 'LATERAL', 'LEFT LATERAL', ',');

		$has_foreign ||= $next->[1] =~ /^S/;
		if ($kind eq 'FULL JOIN')
		{
			my $key = any(joinable($to, $next));

			$from .= ' FULL JOIN ' . from($next) . ' ON '
			  . column($to, $key) . ' = ' . column($next, $key);
		}
		elsif ($kind =~ /LATERAL/)
		{
			my $condition = join_condition($to, $next);
			my $name = 't' . ++$number;
			my $limit = chance(0.3) ? 'OFFSET 0' : '';
			my $rows = join(', ', columns($next));

			$from .= ($kind eq 'LATERAL' ? ' CROSS JOIN' : ' LEFT JOIN')
			  . " LATERAL (SELECT $rows FROM "
			  . from($next)
			  . " WHERE $condition $limit) $name"
			  . ($kind eq 'LATERAL' ? '' : ' ON true');
			$next = [ $name, $next->[1] ];
		}
		elsif ($kind eq ',')
		{
			push @where, join_condition($to, $next);
			$from .= ' CROSS JOIN ' . from($next);
		}
		else
		{
			$from .= " $kind " . from($next) . ' ON '
			  . join_condition($to, $next);
		}
		push @tables, $next;
	}
	push @where, restriction(any(@tables)) if chance(0.4);
	push @where, sub_select(any(@tables), 1) if chance(0.45);
	if (chance(0.15))
	{
		my $event = [ 't' . ++$number, 'o.event' ];
		my $member =
		  (grep { $_->[1] =~ /^S/ && defined column($_, 'a') } @tables)[0];

		if (defined $member)
		{
			$from .= ' CROSS JOIN ' . from($event);
			push @where, pair_in($event, $member);
			push @tables, $event;
		}
	}
	my @shown = map { columns($_) } @tables;
	my @names = map { "c$_" } 0 .. $#shown;
	my $list = join(', ', map { "$shown[$_] AS c$_" } 0 .. $#shown);

	$from .= ' WHERE ' . join(' AND ', @where) if @where;
	return grouped($from, @shown) if chance(0.15);
	return windowed($from, @shown) if chance(0.1);
	my $order = chance(0.1) ? ordered(@names) : '';

	return (
		'SELECT '
		  . (chance(0.1) ? 'DISTINCT ' : '')
		  . "$list FROM $from$order",
		@names);
}

# A GROUP BY of some columns with aggregates of others, and its names.
sub grouped
{
	my ($from, @shown) = @_;
	my ($key, $other, $third) = map { any(@shown) } 1 .. 3;
	my @aggregates = (
		'count(*)', "count(DISTINCT $other)", "max($other)", "min($other)",
		"count($other) FILTER (WHERE $third IS NOT NULL)",
		"string_agg($other\::text, ',' ORDER BY $other\::text)",
		"bool_or($other IS NOT NULL)");
	my $by = any($key, $key, "$key, $third", "ROLLUP ($key, $third)",
		"GROUPING SETS (($key), ($third), ())");
	my $having = chance(0.2) ? " HAVING count($other) <> 2" : '';

	return (
		"SELECT min($key) AS c0, "
		  . any(@aggregates) . ' AS c1, '
		  . any(@aggregates)
		  . " AS c2 FROM $from GROUP BY $by$having",
		qw(c0 c1 c2));
}

# Window functions whose values do not depend on the order of equals.
sub windowed
{
	my ($from, @shown) = @_;
	my ($part, $order, $other) = map { any(@shown) } 1 .. 3;

	return (
		"SELECT $other AS c0, rank() OVER (PARTITION BY $part ORDER BY $order) AS c1, "
		  . "count($other) OVER (PARTITION BY $order) AS c2 FROM $from",
		qw(c0 c1 c2));
}

# The first rows by all columns, so that equals are the same.
sub ordered
{
	my (@names) = @_;
	my $first = int rand @names;
	my @by = map { $_ . any('', '', ' DESC', ' NULLS FIRST') }
	  (@names[ $first .. $#names ], @names[ 0 .. $first - 1 ]);

	return ' ORDER BY '
	  . join(', ', @by)
	  . any(' LIMIT 7', ' OFFSET 2', ' LIMIT 0', ' OFFSET 5 LIMIT 3',
		" FETCH FIRST 4 ROWS WITH TIES");
}

# Does a query show a column that may be NULL where it is merely shown?
sub has_names { return $_[0] =~ /\b(username|account_name|project_name)\b/; }

# An UPDATE, DELETE, MERGE or INSERT of an ordinary table, which looks at the
# others.
sub change
{
	$number = 0;
	my $target = [ 't', any('o.want', 'o.split', 'o.types', 'o.event') ];
	my $other = partner($target, chance(0.7) ? \%foreign : undef);
	my $condition = join_condition($target, $other);
	my $from = from($other);
	my $kind = any(qw(update update delete delete merge insert));
	my $set = column($target, 'g') =~ s/^t\.//r;

	if (chance(0.4) && $kind ne 'merge')
	{
		my $third = partner($other);

		$from .= any(' LEFT JOIN ', ' JOIN ', ' RIGHT JOIN ')
		  . from($third) . ' ON ' . join_condition($other, $third);
	}
	$condition .= ' AND ' . sub_select($target, 0) if chance(0.3);
	return "UPDATE $target->[1] t SET $set = t.$set + 1 "
	  . (chance(0.6)
		? "FROM $from WHERE $condition"
		: 'WHERE ' . sub_select($target, 1))
	  if $kind eq 'update';
	return "DELETE FROM $target->[1] t "
	  . (chance(0.5)
		? "USING $from WHERE $condition"
		: 'WHERE ' . sub_select($target, 1))
	  if $kind eq 'delete';
	if ($kind eq 'insert')
	{
		my ($query) = MixpanelQuery::select();

		return "INSERT INTO o.log SELECT q::text FROM ($query) q";
	}
	my $key = any(joinable($target, $other));
	my ($left, $right) = (column($target, $key), column($other, $key));

	# one row of the source for each of the target's
	return "MERGE INTO $target->[1] t USING (SELECT DISTINCT $right AS k FROM $from"
	  . (chance(0.5) ? ' WHERE ' . restriction($other) : '')
	  . ") s ON $left = s.k "
	  . any('', "WHEN MATCHED AND t.$set = 1 THEN DELETE ")
	  . "WHEN MATCHED THEN UPDATE SET $set = t.$set + 10 "
	  . any('', 'WHEN NOT MATCHED THEN DO NOTHING');
}

1;
