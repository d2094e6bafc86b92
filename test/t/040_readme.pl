# What the documentation says: its examples run and give what is shown, its
# table of calls is what the API sees, and its tables name what the sources
# have, no less and no more.
#
# In README.md and those pages of doc/ that are named below
#	```sql			is run, in order, each block in a session of its own
#	```sql fails	is run and must end in an error
#	```sql no-run	is left alone
#	```text			right after a block is what psql prints for it
# The simulator stands in for the region "us".

use strict;
use warnings;

use Cwd qw(getcwd);

use MixpanelDocument qw(fenced_blocks run_psql same_text);
use MixpanelSimulator;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $project = getcwd();
my $simulator = MixpanelSimulator->start(accounts => 8, projects => 3,
	first_project_id => 456, secret => 'the-secret',
	username_suffix => 'true');
my $node = PostgreSQL::Test::Cluster->new('readme');

# Runs a file's examples in a database of their own, or in a copy of another.
sub check_examples
{
	my ($file, $database, $least, $template) = @_;
	my @blocks = fenced_blocks(slurp_file("$project/$file"));
	my $ran = 0;

	$node->safe_psql('postgres', "CREATE DATABASE $database"
		  . (defined $template ? " TEMPLATE $template" : ''));
	$simulator->reset;
	foreach my $i (0 .. $#blocks)
	{
		my ($block, $next) = @blocks[ $i, $i + 1 ];
		my $where = "$file:$block->{line}";

		next if $block->{kind} ne 'sql' || $block->{info} eq 'no-run';
		like($block->{info}, qr/^(?:fails)?$/, "$where: a known kind of block");
		my ($status, $output) =
		  run_psql($node->connstr($database), $simulator, $block->{text});
		my $fails = $block->{info} eq 'fails';

		ok($fails ? $status == 3 : $status == 0,
			"$where: " . ($fails ? 'fails' : 'runs')) or diag($output);
		$ran++;
		next
		  unless $next
		  && $next->{kind} eq 'text'
		  && $next->{line} - $block->{end} <= 2;
		is($output, same_text($next->{text}), "$where: gives what is shown");
	}
	cmp_ok($ran, '>=', $least, "$file: its examples were found");
	return;
}

# The tables of a text under headers that match, as arrays of cells.
sub table_rows
{
	my ($text, @header) = @_;
	my $head = join ' \| ', map { quotemeta } @header;
	my @rows;

	while ($text =~ /^\| $head \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)/mg)
	{
		push @rows,
		  map { s/^\| | \|$//gr } split /\n/, $1;
	}
	return map { [ split / \| /, $_ ] } @rows;
}

sub code_words
{
	my ($cell) = @_;
	return $cell =~ /`([^`]+)`/g;
}

# A request as the table writes it.
sub as_template
{
	my ($request) = @_;

	$request =~ s!/(service-accounts|projects)/\d+!/$1/{id}!g;
	return $request;
}

# Runs one row of the tables of calls on fresh data and compares.
sub check_calls
{
	my ($option, $sql, $cell) = @_;
	my @expected = grep { /^(?:GET|POST|DELETE) / } code_words($cell);
	my %seen;

	$simulator->reset;
	$node->safe_psql('readme', "ALTER SERVER mixpanel OPTIONS (ADD $option)")
	  if defined $option;
	my ($status, $output) = run_psql($node->connstr('readme'), $simulator,
		"SET search_path = mixpanel; $sql;");
	my @calls =
	  grep { !$seen{$_}++ } map { as_template($_) } $simulator->requests;

	is($status, 0, "runs: $sql") or diag($output);
	is_deeply(\@calls, \@expected,
		'makes these calls: ' . (defined $option ? "$option: " : '') . $sql);
	return unless defined $option;
	my ($name) = $option =~ /^(\w+)/;
	$node->safe_psql('readme', "ALTER SERVER mixpanel OPTIONS (DROP $name)");
	return;
}

sub check_call_tables
{
	my $text = slurp_file("$project/doc/mixpanel_sa_fdw.md");
	my @plain = table_rows($text, 'SQL', 'calls');
	my @with = table_rows($text, 'server option', 'SQL', 'calls');

	cmp_ok(scalar @plain, '>=', 10, 'the table of calls was found');
	cmp_ok(scalar @with, '>=', 3, 'the table of calls by option was found');
	check_calls(undef, code_words($_->[0]), $_->[1]) foreach @plain;
	check_calls((map { code_words($_) } @$_[ 0, 1 ]), $_->[2]) foreach @with;
	return;
}

# ---- names ----

# The rows of a C table that begins with `start`, matched with a pattern.
sub source_rows
{
	my ($file, $start, $pattern) = @_;
	my $text = slurp_file("$project/$file");

	$text =~ /^.*\Q$start\E.*?\n(.*?)^\};/ms or die "$file has no $start\n";
	return $1 =~ /$pattern/g;
}

# The table of options, as hashes.
sub source_options
{
	my %places = (SERVER => 'server', TABLE => 'table',
		MAPPING => 'user mapping', COLUMN => 'column');
	my $row = qr/^\t\{("\w+",.*?)\},$/ms;
	my @options;

	foreach my $text (source_rows('src/catalog/option.c', 'mp_options[] = {',
		$row))
	{
		my ($name, $on, $privilege, $default) = $text =~
		  /^"(\w+)",\s*(.*?),\s*MP_OPTION_(\w+),\s*&\w+,\s*(NULL|"[^"]*"),/s
		  or die "no row of an option: $text\n";
		my ($list) = $text =~ /WORDS\((\w+)\)/;

		push @options,
		  {
			name => $name,
			where => join(', ', map { $places{$_} } $on =~ /ON_(\w+)/g),
			privilege => $privilege,
			default => $default =~ /"(.*)"/ ? "$1" : undef,
			range => $text =~ /RANGE\((\d+), (\d+)\)/ ? "$1 to $2" : undef,
			words => [
				$list
				? source_rows('src/catalog/option.c', "$list\[] = {",
					qr/\{"(\w+)"/)
				: ()
			],
		  };
	}
	return @options;
}

# What a row of the reference says of an option, against its row in the table.
sub check_option
{
	my ($option, $default, $meaning) = @_;
	my $who = $meaning =~ /Only a superuser may set it/ ? 'SUPERUSER' :
	  $meaning =~ /Only a superuser or a member of `pg_read_server_files`/
	  ? 'FILE_READER' : 'ANYBODY';
	my $said = $default =~ /^`?([\w.]+)`?$/ && $1 ne 'none' ? $1 : undef;

	is($said, $option->{default}, "the reference: default of $option->{name}");
	is($who, $option->{privilege}, "... who may set $option->{name}");
	like($meaning, qr/\b\Q$option->{range}\E\b/, "... its range")
	  if defined $option->{range};
	like($meaning, qr/`$_`/, "... its value $_") foreach @{ $option->{words} };
	return;
}

sub source_columns
{
	my ($table) = @_;
	my @cells = source_rows('src/catalog/relation.c', "$table\[] = {",
		qr/\{"(\w+)",\s*MP_FIELD_\w+,\s*"(\w+)",\s*(true|false),\s*(\w+)/);
	my @columns;

	while (my ($name, $type, $not_null, $use) = splice @cells, 0, 4)
	{
		push @columns,
		  "$name $type"
		  . ($not_null eq 'true' ? ' not null' : '')
		  . ($use eq 'MP_COLUMN_READ_ONLY' ? ', refused' : '')
		  . ($use eq 'MP_COLUMN_REQUIRED' ? ', required' : '');
	}
	return @columns;
}

# A column of the reference in the same form.
sub reference_column
{
	my ($name, $type, undef, $insert) = @_;

	return join(' ', code_words($name), code_words($type))
	  . ($insert =~ /^(refused|required)/ ? ", $1" : '');
}

sub check_names
{
	my $reference = slurp_file("$project/doc/mixpanel_sa_fdw.md");
	my @tables = grep { /^(?:service_accounts|project_memberships)\n/ }
	  split /^## /m, $reference;
	my $install = join '', map { slurp_file($_) } glob("$project/sql/*--*.sql");
	my $door = slurp_file("$project/mixpanel_sa_fdw.c");

	my @options = source_options();
	my @said =
	  table_rows($reference, 'where', 'option', 'default', 'meaning');

	is_deeply(
		[ map { "$_->[0]: " . (code_words($_->[1]))[0] } @said ],
		[ map { "$_->{where}: $_->{name}" } @options ],
		'the reference names every option and its place, in order');
	check_option($options[$_], @{ $said[$_] }[ 2, 3 ]) foreach 0 .. $#options;
	is_deeply(
		[
			map { [ map { reference_column(@$_) }
				  table_rows($_, 'column', 'type', 'SELECT', 'INSERT') ] }
			  @tables
		],
		[ map { [ source_columns($_) ] } qw(account_columns membership_columns) ],
		'... every column, its type and whether it may be written');
	is_deeply(
		[
			sort map { code_words($_->[0]) } table_rows($reference, 'setting',
				'default', 'who may set it', 'meaning')
		],
		[ sort $door =~ /DefineCustom\w+Variable\("([\w.]+)"/g ],
		'... every setting');
	foreach my $name ($install =~ /^CREATE FUNCTION (\w+)/mg)
	{
		like($reference, qr/`$name[`(]/, "... the function $name");
	}
	return;
}

# README's short tables name nothing that is not there.
sub check_short_tables
{
	my %known = map { $_->{name} => 1 } source_options();

	foreach my $row (table_rows(slurp_file("$project/README.md"),
			'where', 'option', 'default', 'meaning'))
	{
		ok($known{$_}, "README: there is an option $_")
		  foreach code_words($row->[1]);
	}
	return;
}

sub check_architecture
{
	my %said = map { $_ => 1 } slurp_file("$project/doc/architecture.md") =~
	  m!`((?:\w+/)?\w+\.[ch])` \|!g;
	my %there = map { s!^.*/src/!!r => 1 } glob("$project/src/*/*.[ch]");

	# a header is named by its source, where it has one
	foreach my $header (grep { /\.h$/ } keys %there)
	{
		delete $there{$header} if $there{ $header =~ s/h$/c/r };
	}
	is_deeply([ sort grep { /\.c$/ || $there{$_} } keys %said ],
		[ sort 'mixpanel_sa_fdw.c', keys %there ],
		'the architecture names every file');
	return;
}

# Links to files of the project, and to headings of the reference.
sub check_links
{
	my ($file) = @_;
	my $text = slurp_file("$project/$file");
	my $folder = $file =~ m!^(.*/)! ? $1 : '';

	foreach my $link ($text =~ /\]\(([^)]+)\)/g)
	{
		next if $link =~ /^https?:/;
		my ($path, $anchor) = split /#/, $link;
		my $target = $path eq '' ? $file : "$folder$path";

		if (!ok(-f "$project/$target", "$file: $link leads to a file")
			|| !defined $anchor)
		{
			next;
		}
		my %anchors = map { lc($_) =~ s/[^\w\s-]//gr =~ s/\s/-/gr => 1 }
		  slurp_file("$project/$target") =~ /^#+ (.*)$/mg;
		ok($anchors{$anchor}, "$file: $link leads to a heading");
	}
	return;
}

$node->init;
$node->start;
check_examples('README.md', 'readme', 8);
check_call_tables();
check_examples('doc/mixpanel_sa_fdw.md', 'reference', 8);
check_examples("doc/$_.md", $_, 1, 'readme') foreach qw(transactions security operations);
check_names();
check_short_tables();
check_architecture();
check_links($_)
  foreach map { s!^\Q$project\E/!!r } "$project/README.md", glob("$project/doc/*.md");
$node->stop;
$simulator->stop;
done_testing();
