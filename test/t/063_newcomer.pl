# The first five minutes: what somebody meets who has just connected, each with
# a plain SELECT, and that the message and its hint say what to do.

use strict;
use warnings;

use MixpanelTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $test = MixpanelTest->new('newcomer', accounts => 4);
my $simulator = $test->simulator;
my $base_url = $simulator->base_url;
my $org = '/organizations/123/service-accounts';
my $select = 'SELECT id, username FROM mp.service_accounts';
my $mapping = 'USER MAPPING FOR CURRENT_USER SERVER mixpanel';

# Nothing but the first try: a newcomer waits, a test need not.
my %quick = (max_retries => 0, connect_timeout => '5s');

# One test: what a plain SELECT says, word for word.
sub says
{
	my ($name, $code, %wanted) = @_;

	return MixpanelTest::error_is($test->run($select), $code, $name, %wanted);
}

# ---- before anything works ----

subtest 'no user mapping' => sub {
	$test->rows(<<'SQL');
CREATE ROLE "New User" LOGIN;
GRANT USAGE ON SCHEMA mp TO "New User";
GRANT SELECT ON ALL TABLES IN SCHEMA mp TO "New User";
SET ROLE "New User"
SQL
	says('a user without one', '42704',
		message =>
		  qr/^user mapping not found for user "New User", server "mixpanel"$/,
		hint =>
		  qr/^Create one: CREATE USER MAPPING FOR "New User" SERVER mixpanel OPTIONS \(username '\.\.\.', secret '\.\.\.'\)\.$/
	);
	$test->rows('RESET ROLE');
	my $hint = $test->run(
		"SET ROLE \"New User\"; $select")->{hint};
	my ($advice) = $hint =~ /^Create one: (.*)\.$/;
	my ($username, $secret) = split /:/, MixpanelSimulator::LOGIN;
	$advice =~ s/username '\.\.\.', secret '\.\.\.'/username '$username', secret '$secret'/;
	$test->rows("RESET ROLE; $advice; SET ROLE \"New User\"");
	is($test->run($select)->{code}, '', 'what the hint says works');
	$test->rows('RESET ROLE');
};

subtest 'options that are not set' => sub {
	my ($username, $secret) = split /:/, MixpanelSimulator::LOGIN;

	$test->options(organization_id => undef);
	says('no organization', 'HV002',
		message => qr/^option "organization_id" is not set for server "mixpanel"$/,
		hint =>
		  qr/^Use ALTER SERVER or ALTER FOREIGN TABLE to set it; Mixpanel shows it under Organization Settings\.$/
	);
	$test->default_options;
	$test->rows("ALTER $mapping OPTIONS (DROP secret)");
	says('no secret', 'HV002',
		message => qr/^option "secret" is not set in the user mapping of "\w+" for server "mixpanel"$/,
		hint =>
		  qr/^Set it: ALTER USER MAPPING FOR \w+ SERVER mixpanel OPTIONS \(ADD secret '\.\.\.'\);$/
	);
	is(scalar $simulator->requests, 1, 'nothing was sent');
	$test->rows("ALTER $mapping OPTIONS (ADD secret '$secret')");
};

subtest 'misspelt' => sub {
	foreach my $wrong (
		[ "regoin 'eu'", 'HV00D', qr/^Perhaps you meant the option "region"\.$/ ],
		[ "region 'europe'", '22023', qr/us.*eu.*in/ ],
		[ "organization_id 'acme'", '22023', qr/./ ],
		[ "base_url 'http://mixpanel.com/api/app'", '22023', qr/https/ ])
	{
		my ($option, $code, $hint) = @{$wrong};

		MixpanelTest::error_is(
			$test->run('CREATE SERVER s FOREIGN DATA WRAPPER mixpanel_sa_fdw '
				  . "OPTIONS ($option)"),
			$code, $option, hint => $hint);
	}
	MixpanelTest::error_is(
		$test->run('IMPORT FOREIGN SCHEMA public FROM SERVER mixpanel INTO mp'),
		'HV00Q', 'another schema', hint => qr/mixpanel/);
};

# ---- credentials, organization, region ----

subtest 'wrong secret' => sub {
	$test->rows("ALTER $mapping OPTIONS (SET secret 'mistyped')");
	says('wrong secret', '28000',
		message =>
		  qr/^Mixpanel rejected the credentials of service account "admin-bot\.mp-service-account" for GET \Q$org\E$/,
		hint =>
		  qr/^Check username and secret in the user mapping for server "mixpanel", whether the account has expired, and that the server's region is the organization's\.$/
	);
	unlike($test->run($select)->{raw}, qr/mistyped/, 'without the secret');
	$test->rows("ALTER $mapping OPTIONS (SET secret 'admin-secret')");
};

subtest 'wrong organization' => sub {
	$test->options(organization_id => 999);
	says('wrong organization', '42501',
		message =>
		  qr{^Mixpanel refused GET /organizations/999/service-accounts with status 403$},
		hint =>
		  qr/^Service account "admin-bot\.mp-service-account" must be an owner or admin of the organization, and organization_id must be its organization's\.$/
	);
	$test->default_options;
};

subtest 'wrong region' => sub {
	$simulator->fault(status => 302,
		headers => { Location => "https://eu.mixpanel.com/api/app$org" });
	says('a redirect to another region', '08004',
		message => qr/^GET \Q$org\E was redirected to another host$/,
		detail => qr{^The target is https://eu\.mixpanel\.com/},
		hint =>
		  qr/^Check the option "region" or "base_url" of server "mixpanel": an organization's data resides in us, eu or in\.$/
	);
	$simulator->fault(status => 401);
	says('a region that does not know the account', '28000',
		hint => qr/ and that the server's region is the organization's\.$/);
	$simulator->fault(status => 404);
	says('a base URL that leads elsewhere', 'HV00M',
		message => qr/^Mixpanel refused GET \Q$org\E with status 404$/,
		hint =>
		  qr/^Check the options "organization_id", "region" and "base_url" of server "mixpanel"; a base_url normally ends in \/api\/app\.$/);
	$simulator->fault(body => '<html><title>Hotel login</title></html>',
		content_type => 'text/html');
	says('a page of somebody else', 'HV004',
		message => qr/^the answer to GET \Q$org\E is not what the API documents$/,
		detail => qr/^Body: neither an object nor an array at byte 1\.$/,
		hint =>
		  qr/^If something else than Mixpanel's API has answered, check the options "base_url" and "proxy" of server "mixpanel"\.$/
	);
};

# ---- network ----

subtest 'no network' => sub {
	my $hint = sub {
		return
		  qr/^The base URL of server "mixpanel" is \Q$_[0]\E; check its options, the network, and certificates\.$/;
	};
	my $nowhere = 'http://127.0.0.1:1/api/app';
	my $unknown = 'https://mixpanel.invalid/api/app';
	(my $tls = $base_url) =~ s/^http:/https:/;
	my $message = qr/^could not connect to Mixpanel for GET \Q$org\E$/;

	$test->options(%quick, base_url => $nowhere);
	says('nobody listens', '08001',
		message => $message,
		detail => qr/127\.0\.0\.1(?: port |:)1\b/,
		hint => $hint->($nowhere));
	$test->options(base_url => $unknown);
	says('no such name', '08001',
		message => $message,
		detail => qr/resolve.*mixpanel\.invalid/,
		hint => $hint->($unknown));
	$test->options(base_url => $tls);
	says('no TLS', '08001',
		message => $message,
		detail => qr/SSL|TLS/,
		hint => $hint->($tls));
	$test->options(base_url => $base_url, proxy => 'http://127.0.0.1:1');
	says('no proxy', '08001',
		message => $message,
		detail => qr/127\.0\.0\.1(?: port |:)1\b/,
		hint =>
		  qr/^The base URL of server "mixpanel" is \Q$base_url\E, through the proxy http:\/\/127\.0\.0\.1:1; check these options, the network, and certificates\.$/
	);
	$test->options(proxy => undef, request_timeout => '100ms');
	$simulator->fault(hang => 'headers');
	says('no answer', '08006',
		message => qr/^Mixpanel did not answer GET \Q$org\E in time$/,
		detail => qr/^No byte arrived for 100 ms \(option "request_timeout"\)\.$/,
		hint =>
		  qr/^Check the network, or set "request_timeout" higher if the answer just takes long\.$/
	);
	$test->default_options;
	is($test->run($select)->{code}, '', 'and with the right options it works');
};

# ---- what psql shows ----

subtest 'comments' => sub {
	my $undescribed = $test->rows(<<'SQL');
SELECT count(*) FROM pg_attribute
WHERE attrelid IN ('mp.service_accounts'::regclass, 'mp.project_memberships'::regclass)
	AND attnum > 0 AND col_description(attrelid, attnum) IS NULL
SQL
	my %described = (
		'\d+ mp.service_accounts' => [
			qr/^expires\|.*\|When the account expires; NULL: never$/m,
			qr/^secret\|.*\|For INSERT \.\.\. RETURNING only: the new secret, shown once; NULL in SELECT$/m,
		],
		'\d+ mp.project_memberships' => [
			qr/^role\|.*\|Role in the project: owner, admin, analyst, consumer or a custom one$/m
		],
		'\det+ mp.*' => [ qr/service_accounts\|mixpanel\|.*\|\S/ ],
		'\dew+ mixpanel*' => [ qr/service accounts and project memberships/ ],
		'\dx mixpanel*' => [ qr/foreign-data wrapper for Mixpanel/ ],
		'\df+ mixpanel_sa_fdw_check' => [ qr/says what to change/ ]);

	is($undescribed, 0, 'every column has a comment');
	foreach my $command (sort keys %described)
	{
		my $shown = $test->rows($command);

		like($shown, $_, $command) foreach @{ $described{$command} };
	}
};

$test->stop;
done_testing();
