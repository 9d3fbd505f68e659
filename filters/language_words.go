package filters

import (
	"maps"
	"slices"
)

// commonWords are the commonest words of languages in Latin letters, by the language's code.
func commonWords() map[string]string {
	return map[string]string{
		"en": "the and of to in is you that it for on are with as this be have from your not we will our can all if please has was by an at or",
		"fr": "le la les de des du et en un une est que qui dans pour pas vous nous sur avec ce cette votre notre il elle je sont au aux ne plus par être avez été ou mais",
		"de": "der die das und ist nicht sie ich wir mit für auf ein eine den dem von zu im des auch es sich werden haben ihre ihr bitte oder wie bei als",
		"es": "el la los las de del y en un una es que para por con no su se lo como más pero usted nos este esta ha son al sus le muy",
		"it": "il lo la gli le di del della e in un una è che per con non si sono come più ma questo questa nel alla dei anche suo ha i vi",
		"pt": "o a os as de do da e em um uma é que para por com não se no na mais como mas você seu sua são ao dos das está isso",
		"nl": "de het een en van is dat in op te niet met voor zijn ik je u we wij aan er maar om ook uw deze dit bij naar of worden",
		"sv": "och att det är en ett som på för med inte av till den har jag vi du kan om men så från din vår var",
		"da": "og at det er en et som på for med ikke af til den har jeg vi du kan om men så fra din vores var dig hvad",
		"no": "og at det er en et som på for med ikke av til den har jeg vi du kan om men så fra din vår var deg hva",
		"fi": "ja on ei se että hän oli mutta ole kun niin tai kuin myös voi ovat mitä minä sinä tämä jos olen joka kanssa",
		"pl": "i w na z się nie że do to jest o po jak za od co ale dla są przez czy tym być już przy oraz lub",
		"cs": "a v se na je že to s z do o k i ale jako za by pro jsem jste není nebo která který tak jsou také při",
		"hu": "a az és hogy nem is egy ez de meg van csak volt ha már vagy ki mint még kell el lesz után ezt azt",
		"ro": "și de la în cu nu pe un o este că din să mai care pentru se sunt ce dar sau al ale vă dumneavoastră fost",
		"tr": "ve bir bu da de için ile ne çok var daha gibi olarak olan ama sonra kadar her ben siz değil en mi o",
		"id": "yang dan di dari untuk dengan ini itu tidak adalah pada ke anda akan saya kami ada dalam juga bisa atau oleh",
	}
}

// sortedCodes are the languages of commonWords in a fixed order.
func sortedCodes() []string { return slices.Sorted(maps.Keys(commonWords())) }
