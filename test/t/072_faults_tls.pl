# TLS that fails, and redirects: nothing reaches the API that should not, no
# credentials go anywhere else, and the session goes on.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use MixpanelCertificates;
use MixpanelListener;
use MixpanelProxy;
use MixpanelTest;
use MixpanelTransaction qw(state);
use Test::More;

plan skip_all => 'no openssl' unless MixpanelCertificates::available();

my $org = '/organizations/123/service-accounts';

# Each kind of call: what makes it, and its method and path.
my @calls = (
	{
		name => 'list',
		sql => 'SELECT count(*) FROM mp.service_accounts',
		method => 'GET',
		path => $org,
	},
	{
		name => 'one account',
		sql => 'SELECT count(*) FROM mp.service_accounts WHERE id = 2',
		method => 'GET',
		path => "$org/2",
	},
	{
		name => 'memberships',
		sql => 'SELECT count(*) FROM mp.project_memberships '
		  . 'WHERE service_account_id = 2',
		method => 'GET',
		path => "$org/2/projects",
	},
	{
		name => 'create',
		sql => 'INSERT INTO mp.service_accounts (username) VALUES (\'new\') '
		  . 'RETURNING length(secret)',
		method => 'POST',
		path => $org,
	},
	{
		name => 'add',
		sql => 'INSERT INTO mp.project_memberships '
		  . '(service_account_id, project_id, role) VALUES (3, 1002, \'x\')',
		method => 'POST',
		path => "$org/add-to-project",
	},
	{
		name => 'delete',
		sql => 'DELETE FROM mp.service_accounts WHERE id = 2',
		method => 'DELETE',
		path => "$org/2",
	});
my %rows = (
	'list' => 4,
	'one account' => 1,
	'memberships' => 1,
	'create' => 32,
	'add' => '',
	'delete' => '');

my %seed = (accounts => 4, projects => 3, memberships_per_account => 1);
my $test = MixpanelTest->new('tls', %seed);
my $simulator = $test->simulator;
my $authority = MixpanelCertificates->new;
my $stranger = MixpanelCertificates->new;
my @good = $authority->issue('127.0.0.1');
my $seeded = state($test);
my $proxy;

# The session still works, with these options and those that it has.
sub goes_on
{
	my ($name, %options) = @_;

	$test->options(base_url => $simulator->base_url, %options);
	is($test->run($calls[0]{sql})->{rows}, $rows{list}, "$name: goes on");
	return;
}

# None of the calls gets a request through; each ends with this error.
sub all_fail
{
	my ($name, $code, %wanted) = @_;
	my $of_create = delete $wanted{create} // $code;

	$simulator->clear_log;
	foreach my $call (@calls)
	{
		my $result = $test->run($call->{sql});

		# A DELETE reads first.
		my $method = $call->{method} eq 'DELETE' ? 'GET' : $call->{method};
		MixpanelTest::error_is($result,
			$call->{name} eq 'create' ? $of_create : $code,
			"$name: $call->{name}",
			message => qr/\Q$method $call->{path}\E\b/, %wanted);
	}
	is($simulator->counts->{requests}, 0, "$name: no request");
	is_deeply(state($test), $seeded, "$name: nothing has changed");
	return;
}

# ---- certificates ----

# What a server may show, and what it is called for.
my %shown = (
	expired => [
		[
			$authority->issue(
				'127.0.0.1',
				from => '20240101000000Z',
				until => '20240201000000Z')
		],
		qr/expired/
	],
	early => [
		[
			$authority->issue(
				'127.0.0.1',
				from => '20400101000000Z',
				until => '20400201000000Z')
		],
		qr/not yet valid|not activated/
	],
	elsewhere => [
		[ $authority->issue('mixpanel.example') ],
		qr/match|no alternative/
	],
	unknown => [ [ $stranger->issue('127.0.0.1') ], qr/certificate/i ]);

sub start_proxy
{
	my %sites = map {
		$_ => { upstream => $simulator->port, tls => $shown{$_}[0] }
	} keys %shown;

	return MixpanelProxy->start(
		%sites,
		good => { upstream => $simulator->port, tls => \@good },
		other => { upstream => $simulator->port, tls => \@good },
		plain => { upstream => $simulator->port });
}

# Retries would show.
$test->options(max_retries => 1, max_retry_wait => '20ms');

subtest 'certificates' => sub {
	plan skip_all => 'no nginx' unless MixpanelProxy::program();
	$proxy = start_proxy();
	foreach my $site (sort keys %shown)
	{
		$test->options(
			base_url => $proxy->base_url($site),
			ca_file => $authority->ca_file);
		all_fail($site, '08001', detail => qr/$shown{$site}[1](?!.*tries)/s);
		goes_on($site);
	}

	# A chain that is good, and then is trusted no more.
	$test->options(base_url => $proxy->base_url('good'));
	foreach my $call (@calls)
	{
		is($test->run($call->{sql})->{rows}, $rows{ $call->{name} },
			"good: $call->{name}");
	}
	isnt(join(' ', @{ state($test) }), join(' ', @{$seeded}),
		'good: it was done');
	$simulator->reset;
	$test->options(ca_file => $stranger->ca_file);
	all_fail('good, not trusted', '08001', detail => qr/certificate/i);
	$test->options(ca_file => undef);
	all_fail('good, by nobody known', '08001', detail => qr/certificate/i);
	goes_on('good');
};

# The session has connections, and TLS sessions that could be resumed.
subtest 'a bundle that is changed under its name' => sub {
	plan skip_all => 'no nginx' unless $proxy;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $bundle = "$folder/bundle.pem";
	my $create = $calls[3]{sql};
	my $fill = sub {
		my ($from, $how) = @_;

		PostgreSQL::Test::Utils::system_or_bail('cp', $from,
			$how ? "$bundle.new" : $bundle);
		rename "$bundle.new", $bundle or die if $how;
	};
	my $works = sub {
		my ($name) = @_;

		is($test->run($_->{sql})->{rows}, $rows{ $_->{name} },
			"$name: $_->{name}")
		  foreach @calls;
		$simulator->reset;
	};

	$test->fresh;
	$fill->($authority->ca_file);
	$test->options(base_url => $proxy->base_url('good'), ca_file => $bundle);
	$works->('trusted');
	foreach my $way ([ 'written', 0 ], [ 'replaced', 1 ])
	{
		my ($name, $how) = @$way;

		$fill->($stranger->ca_file, $how);
		all_fail("$name: trusted no more", '08001',
			detail => qr/certificate(?!.*tries)/i);
		$fill->($authority->ca_file, $how);
		$works->("$name: trusted again");
	}

	# Withdrawn between a statement and COMMIT.
	$test->rows('BEGIN');
	$test->rows($calls[4]{sql});
	$fill->($stranger->ca_file);
	$simulator->clear_log;
	MixpanelTest::error_is($test->run('COMMIT'), '08001', 'at COMMIT');
	is($simulator->counts->{requests}, 0, 'at COMMIT: no request');

	# Withdrawn between a creation and its ROLLBACK.
	$fill->($authority->ca_file);
	$test->rows('BEGIN');
	is($test->rows($create), '32', 'a creation');
	$fill->($stranger->ca_file);
	$simulator->clear_log;
	like($test->run('ROLLBACK')->{raw}, qr/WARNING/, 'ROLLBACK warns');
	is($simulator->counts->{requests}, 0, 'ROLLBACK: no request');
	$simulator->reset;

	foreach my $way (
		[ 'empty', sub { truncate $bundle, 0 or die }, qr/certificate/i ],
		[ 'missing', sub { unlink $bundle or die }, qr/^could not read ca_file/ ])
	{
		my ($name, $do, $detail) = @$way;

		$do->();
		all_fail($name, '08001', detail => $detail);
	}
	$fill->($authority->ca_file);
	$works->('there again');
	$test->options(ca_file => undef);
	goes_on('a changed bundle');
};

# ---- something else than TLS ----

subtest 'HTTP and TLS mixed up' => sub {
	(my $wrong = $simulator->base_url) =~ s/^http:/https:/;
	$test->options(base_url => $wrong, ca_file => $authority->ca_file);
	all_fail('TLS to an HTTP port', '08001', detail => qr/ after 2 tries/);
	goes_on('TLS to an HTTP port');

	# The other way round there is a connection, and the request goes out.
	plan skip_all => 'no nginx' unless $proxy;
	($wrong = $proxy->base_url('good')) =~ s/^https:/http:/;
	$test->options(base_url => $wrong);
	# a refusal that is not the API's leaves a create in doubt
	all_fail('HTTP to a TLS port', '22023', create => '08006',
		message => qr/ status 400$/);
	goes_on('HTTP to a TLS port');
};

# How a handshake may break, and what a server that speaks only TLS does with
# what is none.
my %breaks = (
	'closed at once' => sub { },
	'reset at once' => \&MixpanelListener::will_reset,
	'closed in the handshake' => \&MixpanelListener::hear,
	'reset in the handshake' => sub {
		MixpanelListener::hear($_[0]);
		MixpanelListener::will_reset($_[0]);
	},
	'garbage in the handshake' => sub {
		MixpanelListener::hear($_[0]);
		syswrite $_[0], "no such thing\n" x 10;
	},
	'half a record' => sub {
		MixpanelListener::hear($_[0]);
		syswrite $_[0], "\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03";
		MixpanelListener::will_reset($_[0]);
	},
	'an alert' => sub {
		MixpanelListener::hear($_[0]);
		syswrite $_[0], "\x15\x03\x03\x00\x02\x02\x28";
	});

subtest 'handshakes that break' => sub {
	foreach my $name (sort keys %breaks)
	{
		my $listener = MixpanelListener->start($breaks{$name});

		$test->options(
			base_url => 'https://127.0.0.1:' . $listener->port . '/api/app');
		all_fail($name, '08001', detail => qr/ after 2 tries/);
		is($listener->connections(2 * @calls), 2 * @calls,
			"$name: each tried twice");
		goes_on($name);
	}

	# A request in the clear that meets a TLS server is answered by an alert.
	my $listener = MixpanelListener->start($breaks{'an alert'});
	$test->options(
		base_url => 'http://127.0.0.1:' . $listener->port . '/api/app');
	all_fail('HTTP to TLS', '08006');
	goes_on('HTTP to TLS');
};

subtest 'a handshake that never ends' => sub {
	my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 50)
	  // die "no socket: $!";

	$test->options(
		base_url => 'https://127.0.0.1:' . $silent->sockport,
		connect_timeout => '100ms',
		max_retries => 0);
	all_fail('silence', '08001');
	goes_on('silence', connect_timeout => undef);
};

# ---- redirects ----

# Nobody takes connections there; if one has come, it shows.
my $trap = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 50)
  // die "no socket: $!";
my $trapped = IO::Select->new($trap);
my $trap_port = $trap->sockport;

# Run a call, answered by redirects.  Returns its result and its own requests.
sub redirect
{
	my ($call, %fault) = @_;

	$simulator->reset;
	$simulator->fault(method => $call->{method}, path => "^$call->{path}\$",
		%fault);
	my $result = $test->run($call->{sql});
	my @requests = grep { $_ eq "$call->{method} $call->{path}" }
	  $simulator->requests;
	return ($result, scalar @requests);
}

# Redirects of each kind of call to such a place end with the error.
sub refused
{
	my ($name, $code, $location, %more) = @_;
	my $of_create = delete $more{create} // $code;
	my $status = delete $more{status} // 307;
	my $requests = delete $more{requests} // 1;

	foreach my $call (@calls)
	{
		my $target = ref $location ? $location->($call) : $location;
		my ($result, $sent) = redirect(
			$call,
			status => $status,
			count => 0,
			defined $target ? (headers => { Location => $target }) : ());

		MixpanelTest::error_is($result,
			$call->{name} eq 'create' ? $of_create : $code,
			"$name: $call->{name}",
			message => qr/\Q$call->{method} $call->{path}\E\b/, %more);
		is($sent, $requests, "$name: $call->{name}: requests");
		is_deeply(state($test), $seeded, "$name: $call->{name}: not done");
	}
	ok(!$trapped->can_read(0), "$name: nobody else was asked");
	return;
}

sub start_redirects
{
	$test->start_over;
	$test->options(max_retries => 1, max_retry_wait => '20ms', @_);
	return;
}

subtest 'redirects to elsewhere' => sub {
	my $port = $simulator->port;

	start_redirects();
	refused('a long URL', '08004', 'http://other.example/' . 'x' x 9_000,
		detail => qr/\A(?=.{900,1600}\z).*xxx\.\.\./s);
	foreach my $status (301, 302, 307, 308)
	{
		refused("$status to another port", '08004',
			sub { "http://127.0.0.1:$trap_port/api/app$_[0]{path}" },
			status => $status,
			detail => qr|^The target is http://127\.0\.0\.1:$trap_port/|);
	}
	refused($_->[0], '08004', $_->[1])
	  foreach
	  [ 'another name', "http://localhost:$trap_port/" ],
	  [ 'another name of this host', "http://localhost:$port/api/app$org" ],
	  [ 'without a scheme', "//127.0.0.1:$trap_port/" ],
	  [ 'the default port', 'http://127.0.0.1/' ],
	  [ 'TLS', "https://127.0.0.1:$port/api/app$org" ],
	  [ 'TLS elsewhere', "https://127.0.0.1:$trap_port/" ],
	  [ 'a file', 'file:///etc/passwd' ],
	  [ 'FTP', "ftp://127.0.0.1:$trap_port/x" ],
	  [ 'FTP here', "ftp://127.0.0.1:$port/api/app$org" ],
	  [ 'gopher', "gopher://127.0.0.1:$trap_port/_x" ],
	  [ 'user info', "http://a:b\@127.0.0.1:$port/api/app$org" ],
	  [ 'a user only', "http://a\@127.0.0.1:$port/api/app$org" ],
	  [ 'a host like user info',
		"http://127.0.0.1:$port\@127.0.0.1:$trap_port/" ];

	# Whether these are addresses, and whose, is libcurl's to say.
	foreach my $location (
		"http://127.0.0.1:$port\\\@127.0.0.1:$trap_port/",
		"http:\\\\127.0.0.1:$trap_port\\",
		"http:/127.0.0.1:$trap_port/",
		"http:///127.0.0.1:$trap_port/",
		"http://127.0.0.1:$port#\@127.0.0.1:$trap_port/",
		"http://127.0.0.1:$port?\@127.0.0.1:$trap_port/",
		"\\\\127.0.0.1:$trap_port\\",
		"http://[::ffff:127.0.0.1]:$trap_port/",
		"file://127.0.0.1:$port/etc/passwd",
		'javascript:alert(1)', 'http://', 'http://%00/', ':', 'http://127.0.0.1:99999/')
	{
		my ($result) = redirect($calls[0], status => 302,
			headers => { Location => $location });
		like($result->{code}, qr/^(08004|HV00M)$/, "'$location' is an error");
		ok(!$trapped->can_read(0), 'nobody else was asked');
	}
};

subtest 'redirects to nowhere and round in circles' => sub {
	start_redirects();
	foreach my $status (301, 302, 307, 308)
	{
		refused("$status to nowhere", 'HV00M', undef,
			status => $status,
			message => qr/redirected to nowhere/);
		refused("$status for ever", 'HV00M', sub { "/api/app$_[0]{path}" },
			status => $status,
			requests => 6,
			message => qr/redirected too often/);
	}

	# Where it would be another request, or none.
	refused("$_ is none", 'HV00M', sub { "/api/app$_[0]{path}" },
		status => $_,
		create => '08006',
		message => qr/\b$_\b/)
	  foreach 300, 303, 304, 305;
};

subtest 'redirects that are followed' => sub {
	my $port = $simulator->port;
	my %location = (
		'an address' => sub { "http://127.0.0.1:$port/api/app$_[0]{path}" },
		'a scheme in capitals' =>
		  sub { "HTTP://127.0.0.1:$port/api/app$_[0]{path}" },
		'a path' => sub { "/api/app$_[0]{path}" },
		'a host without a scheme' =>
		  sub { "//127.0.0.1:$port/api/app$_[0]{path}" },
		'a name in the same folder' => sub { $_[0]{path} =~ s!.*/!!r },
		'a path with dots' => sub { "../x/../" . $_[0]{path} =~ s!.*/(.*/)!$1!r },
		'a fragment' => sub { "/api/app$_[0]{path}#there" });
	my %plain;

	start_redirects();
	foreach my $call (@calls)
	{
		$simulator->reset;
		my $result = $test->logged($call->{sql});
		is($result->{rows}, $rows{ $call->{name} }, "$call->{name}: rows");
		$plain{ $call->{name} } =
		  [ $result->{rows}, [ $test->calls ], state($test) ];
	}
	foreach my $case (
		(map { [ 307, $_ ] } sort keys %location),
		map { [ $_, 'a path' ] } 301, 302, 308)
	{
		my ($status, $name) = @{$case};
		foreach my $call (@calls)
		{
			my ($rows, $asked, $state) = @{ $plain{ $call->{name} } };
			my ($result) = redirect($call, status => $status,
				headers => { Location => $location{$name}->($call) });
			my $title = "$call->{method} $call->{path}";

			# That request comes twice, with the same body.
			my @wanted = map {
				my $redirected = s/ -> \d+$/ -> $status/r;
				/^\Q$title\E / ? ($redirected, $_) : $_
			} @{$asked};
			is($result->{rows}, $rows, "$status to $name: $call->{name}");
			is_deeply([ $test->calls ], \@wanted, 'method and body are kept');
			is_deeply(state($test), $state, 'it was done once');
		}
	}
};

subtest 'redirects between HTTP and TLS' => sub {
	plan skip_all => 'no nginx' unless $proxy;
	my %to = map {
		my $base = $proxy->base_url($_);
		$_ => sub { "$base$_[0]{path}" }
	} qw(good other plain);

	start_redirects(
		base_url => $proxy->base_url('good'),
		ca_file => $authority->ca_file);
	refused('HTTPS to HTTP', '08004', $to{plain});
	refused('HTTPS to HTTP on the same port', '08004',
		sub { $to{good}->(@_) =~ s/^https:/http:/r });
	refused('HTTPS to another port', '08004', $to{other});
	refused('HTTPS to the API behind it', '08004',
		sub { $simulator->base_url . $_[0]{path} });
	foreach my $call (@calls)
	{
		my ($result, $requests) = redirect($call, status => 308,
			headers => { Location => $to{good}->($call) });
		is($result->{rows}, $rows{ $call->{name} },
			"HTTPS to the same port: $call->{name}");
		is($requests, 2, 'two requests');
	}
	$test->options(base_url => $proxy->base_url('plain'));
	refused('HTTP to HTTPS', '08004', $to{good});
};

undef $proxy;
$test->stop;
done_testing();
