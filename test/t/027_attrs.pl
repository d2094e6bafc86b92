# The column attrs: the API's whole object, without any secret, and with numbers
# that the database can hold.

use strict;
use warnings;

use JSON::PP ();
use MixpanelTest;
use Test::More;

my $test = MixpanelTest->new('attrs', accounts => 2, projects => 1);
my $simulator = $test->simulator;
my $org = '/organizations/123/service-accounts';
my $attrs = 'SELECT attrs FROM mp.service_accounts';

# What the API answers with to the next request.
sub answer
{
	my ($json, %more) = @_;

	$simulator->fault(status => 200, body => $json, %more);
	return;
}

subtest 'members that are called so' => sub {
	answer(<<'JSON');
{"status": "ok", "results": [{"id": 7, "username": "bot",
 "credentials": {"secret": "hush-1", "kind": "hush-2"}, "Token": "hush-3",
 "list": [[{"API_KEY": "hush-4", "name": "shown"}]],
 "client-secret": ["hush-5", 123456], "pass\u0077ord": "hush-6",
 "secret": "hush-7", "token_type": "basic", "has_secret": true}]}
JSON
	my $shown = $test->rows($attrs);

	unlike($shown, qr/hush|123456/, 'no secret is shown');
	like($shown, qr/"name": "shown"/, 'what stands beside one is');
	like($shown, qr/"token_type": "basic"/, 'as is what is called alike');
	like($shown, qr/"has_secret": true/, 'and what tells nothing');
	like($shown, qr/"Token": "\*\*\*"/, 'there is a mark');
	unlike($shown, qr/"secret": "[^*]|"token":/, 'or no member at all');
};

subtest 'the new secret' => sub {
	foreach my $spelt ('new-secret-value', 'new\u002dsecret\u002dvalue')
	{
		$simulator->reset;
		answer(qq({"status": "ok", "results": {"id": 3, "username": "new",
 "token": "new-secret-value", "note": "$spelt", "deep": [{"x": "is $spelt!"}],
 "by": {"$spelt": 1}}}), after => JSON::PP::true);
		is( $test->rows(
				'INSERT INTO mp.service_accounts (username) '
				  . "VALUES ('new') RETURNING secret, strpos(attrs::text, 'new-secret') AS at, attrs ->> 'note'"
			),
			'new-secret-value|0|***',
			'RETURNING gives it once');
	}
	$simulator->reset;
};

subtest 'numbers' => sub {
	foreach my $number (
		qw(1e131071 1e131072 -1e131072 0.1e131072 0.1e131073 1e-16383
		1e-16384 0e-16384 0e131072 1.5e-16383 1e-20000 1e400000
		1e99999999999999999999 12345678901234567890.5))
	{
		my $fits =
		  $test->run("SELECT '$number'::numeric IS NULL")->{code} eq '';

		answer(
			qq({"status": "ok", "results": [{"id": 6}, {"id": 7, "x": {"y": [$number]}}]})
		);
		my $result = $test->run("SELECT length(attrs::text) > 0 FROM mp.service_accounts WHERE id = 7 OR id + 0 = 7");
		if ($fits)
		{
			is($result->{rows}, 't', "$number: shown");
			next;
		}
		MixpanelTest::error_is($result, 'HV004', "$number: refused",
			message => qr/^the answer to GET \Q$org\E is not what/,
			detail =>
			  qr/^Record 2 \(id 7\), field "attrs": holds a number that is out of range\.$/
		);
		answer(
			qq({"status": "ok", "results": [{"id": 7, "x": {"y": [$number]}}]}));
		is($test->rows('SELECT id FROM mp.service_accounts'),
			'7', "$number: no matter where attrs is not read");
	}
};

$test->stop;
done_testing();
