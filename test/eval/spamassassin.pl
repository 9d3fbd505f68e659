# SpamAssassin's Bayes and nothing else of it: reads "classify PATH", "learn spam PATH" and
# "learn ham PATH", a line each, and answers each with a line, "SCORE" or "ok".
use strict;
use warnings;
use Mail::SpamAssassin;
use Mail::SpamAssassin::PerMsgStatus;

my ($dir) = @ARGV;
my $known = ''; # domains, and words that tell nothing
foreach my $file ('20_aux_tlds.cf', '60_bayes_stopwords.cf') {
    open(my $in, '<', "/usr/share/spamassassin/$file") or die "$file: $!\n";
    local $/;
    $known .= <$in> . "\n";
}
my $config = <<"END";
loadplugin Mail::SpamAssassin::Plugin::Bayes
use_bayes 1
bayes_path $dir/bayes
bayes_auto_learn 0
bayes_auto_expire 0
bayes_learn_to_journal 0
bayes_min_spam_num 1
bayes_min_ham_num 1
use_txrep 0
dns_available no
$known
END
my $sa = Mail::SpamAssassin->new({
    config_text => $config, dont_copy_prefs => 1, local_tests_only => 1, userstate_dir => $dir,
});
$sa->init(0);
my $bayes = $sa->{bayes_scanner}{implementation} // $sa->call_plugins('learner_get_implementation');
die "no Bayes\n" unless $bayes && $bayes->can('scan');

sub message {
    my ($path) = @_;
    open(my $in, '<:raw', $path) or die "$path: $!\n";
    local $/;
    return $sa->parse(scalar(<$in>), 1);
}

$| = 1;
while (my $line = <STDIN>) {
    chomp $line;
    if ($line =~ /^classify (.+)$/) {
        my $mail = message($1);
        my $status = Mail::SpamAssassin::PerMsgStatus->new($sa, $mail);
        $status->extract_message_metadata();
        my $score = $bayes->scan($status, $mail);
        printf "%.17g\n", defined $score ? $score : 0.5;
        $status->finish();
        $mail->finish();
    } elsif ($line =~ /^learn (spam|ham) (.+)$/) {
        my $mail = message($2);
        $sa->learn($mail, undef, $1 eq 'spam' ? 1 : 0, 0)->finish();
        $mail->finish();
        print "ok\n";
    } else {
        die "what is $line?\n";
    }
}
