package link

import "strings"

// IsCounter reports whether a host counts clicks for many who send newsletters, or serves
// their pages: by a table of its own. What it stands for can't be known without asking it.
func IsCounter(host string) bool {
	for strings.Contains(host, ".") {
		if counters[host] {
			return true
		}
		_, host, _ = strings.Cut(host, ".")
	}
	return false
}

// counters are the domains of those who send for others.
var counters = set("list-manage.com list-manage1.com list-manage2.com mailchimp.com mailchi.mp mandrillapp.com campaign-archive.com sendgrid.net sendgrid.com " +
	"sendinblue.com sibautomation.com sendibm1.com sendibm2.com sendibm3.com sendibt2.com sendibt3.com brevo.com mailjet.com mjt.lu hubspot.com hubspotemail.net " +
	"hubspotlinks.com hubspotlinksstarter.com hubspotlinksfree.com hs-sales-engage.com hs-sites.com hubspotstarter.net createsend.com createsend1.com createsend2.com cmail1.com cmail2.com cmail3.com cmail19.com cmail20.com " +
	"exacttarget.com exct.net sfmc-content.com et.e4a.net constantcontact.com rs6.net ctctcdn.com icontact.com mailgun.org mailgun.net sparkpostmail.com " +
	"sparkpostmail1.com awstrack.me amazonses.com mktoweb.com marketo.com mkto-ab.com pardot.com en25.com eloqua.com rsys1.net rsys2.net rsys3.net rsys5.net " +
	"rsgsv.net klaviyo.com klclick.com klclick1.com klclick2.com klclick3.com getresponse.com gr-mail.com aweber.com activehosted.com substack.com beehiiv.com " +
	"convertkit-mail.com convertkit-mail2.com convertkit-mail3.com ck.page dotmailer.com dmtrk.net emarsys.net emarsys.com selligent.com emv2.com emv3.com " +
	"emv4.net cp20.com bmsend.com benchmarkemail.com verticalresponse.com vresp.com madmimi.com mailerlite.com mlsend.com mlsend2.com moosend.com omnisend.com " +
	"customeriomail.com customer.io iterable.com braze.com sailthru.com cheetahmail.com chtah.com bfi0.com bluehornet.com lyris.net lyris.com elabs5.com " +
	"elabs6.com silverpop.com mkt51.net pages05.net acemserv.com acems1.com acemlna.com acemlnb.com acemlnc.com infusionsoft.com keap-link.com " +
	"govdelivery.com delivra.com netcorecloud.net pepipost.com sendpulse.com spcdn.org sarbacane.com sbc33.com sbc45.com mailkitchen.com mailpro.com " +
	"mailinblue.com ediware.net sp-trk.com doubleclick.net postmarkapp.com pstmrk.it smtp2go.com elasticemail.com esputnik.com unisender.com " +
	"m0.net rm04.net rm05.net postdirect.com roving.com email-publisher.com topica.com cooltick.com flonetwork.com digitalimpact.com click2net.net")

func set(words string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		m[w] = true
	}
	return m
}
