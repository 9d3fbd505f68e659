package filters

import (
	"strings"

	"gatepost/internal/link"
)

// brands are the names that phishing bears most, as it stands in public reports: whom mail
// pretends to be from where nobody says otherwise. Each has the domains that it writes from
// and links to. Branches have domains that anybody could have had, so they are listed one by one
// and not by a pattern.
func brands() []protectedName {
	var list []protectedName
	add := func(name string, domains ...string) { list = append(list, protectedName{Name: name, Domains: domains}) }
	common := func(name string, domains ...string) {
		list = append(list, protectedName{Name: name, Domains: domains, Common: true})
	}
	add("PayPal", "paypal.com", "paypal.me", "paypal-communication.com", "paypal-prepaid.com", "paypalobjects.com", "paypal.fr", "paypal.de")
	add("Amazon", "amazon.com", "amazon.fr", "amazon.de", "amazon.co.uk", "amazonpay.com", "amazonbusiness.com", "amazon-press.com")
	add("Microsoft", "microsoft.com", "microsoftonline.com", "office.com", "office365.com", "outlook.com", "live.com", "microsoft365.com", "microsoftemail.com", "msn.com")
	add("Google", "google.com", "gmail.com", "googlemail.com", "googlegroups.com", "google.fr", "youtube.com", "withgoogle.com")
	common("Apple", "apple.com", "icloud.com", "me.com", "mac.com", "itunes.com", "applecard.apple")
	add("Facebook", "facebook.com", "facebookmail.com", "fb.com", "meta.com", "metamail.com")
	add("Instagram", "instagram.com")
	add("WhatsApp", "whatsapp.com")
	add("LinkedIn", "linkedin.com", "e-linkedin.com")
	add("Netflix", "netflix.com")
	add("Spotify", "spotify.com")
	add("eBay", "ebay.com", "ebay.fr", "ebay.de", "ebay.co.uk", "ebaypartnernetwork.com")
	add("DocuSign", "docusign.com", "docusign.net")
	add("Dropbox", "dropbox.com", "dropboxmail.com", "dropboxstatic.com")
	add("WeTransfer", "wetransfer.com")
	add("Adobe", "adobe.com", "adobesign.com", "echosign.com")
	add("Coinbase", "coinbase.com")
	add("Binance", "binance.com")
	add("MetaMask", "metamask.io")
	common("Ledger Live", "ledger.com")
	common("Booking.com", "booking.com")
	add("Airbnb", "airbnb.com", "airbnb.fr")
	add("DHL", "dhl.com", "dhl.de", "dhl.fr", "dhlparcel.com")
	add("FedEx", "fedex.com")
	common("UPS", "ups.com")
	add("Chronopost", "chronopost.fr", "chronopost.com")
	add("Colissimo", "colissimo.fr", "laposte.fr", "laposte.net")
	add("La Poste", "laposte.fr", "laposte.net", "laposte.com")
	add("Mondial Relay", "mondialrelay.fr", "mondialrelay.com")
	add("Swiss Post", "post.ch", "swisspost.com")
	add("PostFinance", "postfinance.ch")
	common("Orange", "orange.fr", "orange.com", "wanadoo.fr", "orange-business.com")
	common("Free", "free.fr", "iliad.fr")
	add("Bouygues Telecom", "bouyguestelecom.fr", "bbox.fr")
	add("Swisscom", "swisscom.com", "swisscom.ch", "bluewin.ch")
	add("OVHcloud", "ovh.com", "ovhcloud.com", "ovh.net")
	add("Ionos", "ionos.com", "ionos.fr", "ionos.de")
	add("Gandi", "gandi.net")
	add("Crédit Agricole", "credit-agricole.fr", "credit-agricole.com")
	add("BNP Paribas", "bnpparibas.com", "bnpparibas.fr", "bnpparibas.net", "mabanque.bnpparibas")
	add("Société Générale", "societegenerale.fr", "societegenerale.com", "socgen.com")
	add("Crédit Mutuel", "creditmutuel.fr", "creditmutuel.com")
	add("Caisse d'Épargne", "caisse-epargne.fr")
	add("Banque Populaire", "banquepopulaire.fr")
	add("Boursorama", "boursorama.com", "boursorama.fr", "boursobank.com")
	add("La Banque Postale", "labanquepostale.fr", "labanquepostale.com")
	common("Ameli", "ameli.fr", "assurance-maladie.fr")
	add("impots.gouv.fr", "impots.gouv.fr", "finances.gouv.fr")
	common("ANTAI", "antai.gouv.fr", "amendes.gouv.fr")
	add("UBS", "ubs.com")
	add("HSBC", "hsbc.com", "hsbc.co.uk", "hsbc.fr")
	add("Barclays", "barclays.com", "barclays.co.uk")
	add("Lloyds Bank", "lloydsbank.com", "lloydsbank.co.uk")
	add("Santander", "santander.com", "santander.co.uk", "santander.es")
	add("Wells Fargo", "wellsfargo.com")
	add("Bank of America", "bankofamerica.com")
	add("JPMorgan Chase", "jpmorganchase.com", "chase.com")
	add("Citibank", "citibank.com", "citi.com", "citigroup.com")
	add("American Express", "americanexpress.com", "aexp.com", "amex.com")
	add("Mastercard", "mastercard.com")
	common("Sparkasse", "sparkasse.de")
	add("Deutsche Bank", "deutsche-bank.de", "deutschebank.com", "db.com")
	add("Commerzbank", "commerzbank.de", "commerzbank.com")
	// These are near another, and honest.
	add("PayPay", "paypay.ne.jp", "paypay-corp.co.jp")
	common("Amazone", "amazone.de", "amazone.com", "amazone.fr", "amazone.net")
	more := moreDomains()
	for i := range list {
		list[i].also = strings.Fields(more[list[i].Name])
	}
	return list
}

// moreDomains are those that lend a brand no name: shorteners and branches, between spaces.
func moreDomains() map[string]string {
	return map[string]string{
		"Amazon":     "amzn.to amzn.eu amzn.com a.co",
		"Microsoft":  "sharepointonline.com aka.ms 1drv.ms msft.it",
		"Google":     "youtu.be goo.gl g.co g.page forms.gle",
		"Apple":      "apple.co apple.news",
		"Facebook":   "fb.me fb.watch m.me",
		"Instagram":  "instagr.am ig.me",
		"WhatsApp":   "wa.me",
		"LinkedIn":   "lnkd.in",
		"Spotify":    "spoti.fi",
		"eBay":       "ebay.to",
		"Dropbox":    "db.tt",
		"WeTransfer": "we.tl",
		"Adobe":      "adobe.ly",
		"Airbnb":     "abnb.me",
		"Colissimo":  "notif-colissimo-laposte.info notif-laposte.info",
		"La Poste":   "notif-laposte.info notif-colissimo-laposte.info",
		"Crédit Agricole": "ca-alpesprovence.fr ca-alsace-vosges.fr ca-anjou-maine.fr ca-aquitaine.fr ca-atlantique-vendee.fr ca-briepicardie.fr ca-cb.fr " +
			"ca-centrefrance.fr ca-centreloire.fr ca-centreouest.fr ca-centrest.fr ca-charente-perigord.fr ca-cmds.fr ca-corse.fr ca-cotesdarmor.fr " +
			"ca-des-savoie.fr ca-finistere.fr ca-franchecomte.fr ca-guadeloupe.fr ca-illeetvilaine.fr ca-languedoc.fr ca-loirehauteloire.fr " +
			"ca-lorraine.fr ca-martinique.fr ca-mayotte.fr ca-morbihan.fr ca-nmp.fr ca-norddefrance.fr ca-nordest.fr ca-normandie.fr " +
			"ca-normandie-seine.fr ca-paris.fr ca-pca.fr ca-pyrenees-gascogne.fr ca-reunion.fr ca-sudmed.fr ca-sudrhonealpes.fr ca-toulouse31.fr " +
			"ca-tourainepoitou.fr ca-valdefrance.fr",
	}
}

// isShared reports whether anybody can have an address in exactly this domain, so that who
// writes from it is not who owns it.
func isShared(domain string) bool {
	switch strings.ToLower(domain) {
	case "gmail.com", "googlemail.com", "hotmail.com", "hotmail.fr", "outlook.com", "outlook.fr", "live.com", "live.fr", "msn.com", "icloud.com", "me.com",
		"mac.com", "yahoo.com", "yahoo.fr", "aol.com", "laposte.net", "wanadoo.fr", "bbox.fr", "bluewin.ch", "gmx.net", "gmx.de", "gmx.fr", "web.de",
		"proton.me", "protonmail.com", "mail.ru", "qq.com", "163.com":
		return true
	}
	return false
}

// A protectedName is a name in the settings.
type protectedName struct {
	Name    string   `setting:"name" json:"name"`
	Domains []string `setting:"domains" json:"domains"`
	Common  bool     `setting:"common" json:"common"`
	also    []string // see link.Name
}

func (p protectedName) name() link.Name {
	return link.Name{Text: p.Name, Domains: p.Domains, Also: p.also, Common: p.Common}
}
