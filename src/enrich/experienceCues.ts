/**
 * The wordings that tell whether a duration is experience that a posting asks for. They read plain lower-case ASCII:
 * what the sentence says before a duration (`…$`) or after it (`^…`), a hundred characters at most, so that no pattern
 * needs to be linear in the length of the text. Languages: English, Spanish, then French, German, Portuguese, Italian.
 */

const anyOf = (...alternatives: readonly string[]): string => `(?:${alternatives.join('|')})`;
/** Up to `most` words, as few as will do. */
const words = (most: number): string => `(?:[\\w/&'()+-]+[,:]? ){0,${most}}?`;
/** `more than` and its like, between a preposition and a number. */
const roughly =
  '(?: (?:the|about|over|up to|more than|nearly|almost|another|just|only|mas de|plus de|environ|pres de|uber|mehr als|rund|mais de|oltre|circa)){0,2}';

const experience = anyOf('exp[ae]r[ie]{1,2}[ae]?n[cz]', 'esperienz', 'erfahrung', 'expertise', 'exp\\b', 'yoe\\b');

/** Experience is named, near or far. */
export const namesExperience = new RegExp(experience);

/** `5 years of progressive clinical experience`, `2 años de experiencia`, `3 ans d'expérience`, `2 Jahre Berufserfahrung`. */
export const experienceFollows = new RegExp(
  `^(?!,| (?:and|with|y|con|et|und|e) )[^\\w,(]{0,3}${words(6)}[\\w/-]*(?:d')?${experience}`,
);

/** `Experience: 5 years`, `experiencia mínima de 2 años`, `Erfahrung von mindestens 3 Jahren`. */
export const experiencePrecedes = new RegExp(
  `${experience}\\w*(?: ?\\([^()]{0,30}\\))?[ :,=-]{1,3}${words(5)}[(>=+~]{0,2}$|${experience}.{0,90}: ?${words(3)}$`,
);

/** A period around the work, whatever stands near: `in the last 5 years`, `within 2 years`, `hace 25 años`. */
export const periodBefore = new RegExp(
  `\\b${anyOf(
    'last|past|previous|first|next|final|coming|preceding|recent|initial|another|every|each|after|within|since|age[ds]?|in about|in just|in only|in under',
    'equals?|equivalent to|credited as|counts? as|considered(?: to be)?|defined as|exceed(?:s|ed)?|if [\\w ]{0,20}less than',
    'ultim[oa]s|proxim[oa]s|primer[oa]s|hace|cada|tras|despues de|dentro de|edad de|nin[oa]s de|antes de|equivale a',
    'derni?er[e]?s|premier[e]?s|prochain[e]?s|il y a|apres|tous les|age de',
    'letzten|nachsten|ersten|seit|vor|nach|alle|innerhalb von',
    'apos|negli ultimi|entro|dopo|ogni|prossimi',
  )}${roughly} $|\\b(?:alongside|mentored by|led by|gain|earn|acquire)\\b.{0,40}$`,
);

/** A span of time, unless experience follows at once: `for 3 years`, `depuis 20 ans`. */
export const spanBefore = new RegExp(`\\b(?:for|in|desde|depuis|pendant|durant|dans|im|from)${roughly} $`);

/** The length of a contract, unless experience stands beside it. */
export const contractBefore = new RegExp(
  `\\b${anyOf('contract', 'appointment', 'not to exceed', 'nte', 'term', 'duration', 'period', 'length', 'commitment', 'probation', 'warranty', 'vesting', 'contrato', 'plazo', 'duracion', 'vigencia', 'befristet', 'vertrag', 'laufzeit', 'cdd', 'stage', 'contratto', 'durata', 'retention', 'record of', 'residenc\\w*', 'garantia', 'alternance')}\\b.{0,40}$|\\b(?:estudios|carrera|bachillerato|etudes|formation)(?: \\w+){0,2} de $|\\b(?:por|durante|sous|ha|per|da)${roughly} $`,
);

const study = anyOf(
  'college|universit|stud(?:y|ies)|education|school|course ?work|courses?\\b|curriculum|academic|graduate|undergraduate|degree|diploma|bachelor|training|apprentice|residency|internship|fellowship',
  'estudios|formacion|carrera|universitari|etudes|formation|studium|ausbildung|faculdade|estudos',
);
const otherThanWork = anyOf(
  '(?:of )?(?:directly related,? )?progressively higher',
  'of age|old|ago|away|later|after|before|from|since|until|per\\b|running|straight|in a row|only after|post-?graduat|on the market',
  'probation|is credited|equals?\\b|counts? as|(?:of )?residen|contract|warranty|anniversary|vesting|term\\b|appointment|program|plan\\b|leave',
  '(?:in|of) (?:\\w+ )?(?:business|operation|existence|service|history|tradition|growth|success|innovation|tenure|seniority)',
  "(?:de|d'|di|of) ?(?:edad|age|eta|idade|contrat\\w*|duracion|garantia|historia|histoire|storia|vida|vie|antiguedad|anciennete|existence|attivita)",
  'alt\\b|lang\\b|renovable|atras',
);

/** What follows makes the duration one of study, age, contract or history. */
export const otherwiseAfter = new RegExp(
  `^[ -]?(?:${otherThanWork}|(?:(?!\\w*${experience}|and |or |y |o )[\\w'()/-]+ ){0,4}${study}(?!\\w*(?: (?!or |and |plus )[\\w/-]+){0,2} ${experience}))`,
);

/** Someone is asked for something. */
export const asksBefore = new RegExp(
  anyOf(
    'must|should|require|need|minimum|min\\b|at least|look|seek|search|want|expect|ideal|candidat|applicant|\\byou|who\\b|someone|possess|prefer|qualif|degree|bachelor|master|ph\\.?d|desire',
    'busca|requi|imprescindible|al menos|minim|indispensable|acredit|no menor|necesari|obligatori|deseable|valora',
    'vous|au moins|recherch|justifi|profil|exige|\\bsie\\b|mindestens|erforderlich|voce|possuir|almeno|richie|cerchi',
  ),
);
export const asksAfter = new RegExp(
  `^.{0,60}?${anyOf('required', 'minimum', 'preferred', 'mandatory', 'necess', 'needed', 'must', 'desired', 'a plus', 'minim', 'requerid', 'obligator', 'indispensable', 'richiest', 'erforderlich', 'exige')}`,
);

/** A company tells about itself. */
export const boastsBefore = new RegExp(
  `\\b${anyOf(
    "we|we've|our|us|company|firm|agency|founded|established|history|heritage|leader|leading|combined|collective|backed by",
    'nuestr[oa]s?|somos|contamos|empresa|compania|nous|notre|nos|groupe?|entreprise|societe',
    'wir|unsere?[nrs]?|unternehmen|nossa|temos|mercado|nostr[aoi]|abbiamo|azienda',
  )}\\b`,
);
export const boastsAfter = new RegExp(
  `^[^,]{0,80},? ${anyOf('behind us', 'we\\b', 'our (?:team|company|firm|people)', 'nous', 'wir\\b', 'nuestra empresa')}` +
    '|^[^,]{0,80}, [\\w&. -]{2,40} (?:is|are|has|have|offers?|provides?|helps?|delivers?|es|ofrece|est|ist) ',
);

/** The number is the most that may be had, so that the least is none. */
export const upperBoundBefore = new RegExp(
  `(?<!\\bno |\\bnot |\\bnothing )(?:<=?|\\b${anyOf('less than|fewer than|under|up to|no more than|not more than|max(?:imum)?(?: of)?', 'hasta|menos de|m[ai]ss?imo(?: de| di)?', "jusqu'a|moins de|bis zu|weniger als|ate|fino a|meno di")}) ?$`,
);

/** The number is a part of a longer time named before: `including 2 years in …`, `de los cuales 2 años`. */
export const partBefore =
  /\b(?:including|includes?|incl|of which|of that|of those|inclusive of|de l[oa]s cuales|incluyendo|incluido|dont|davon|d[oa]s quais|di cui)(?: (?:at least|a minimum of|al menos|un minimo de|au moins|mindestens|almeno))? $|\($/;
export const partAfter =
  /^ (?:of which|of this|of that)\b|^.{0,80}\b(?:deben? (?:de )?formar parte|que corresponden a)/;

/** A wish, not a demand; within the same clause as the duration. */
export const preferredBefore =
  /\b(?:prefer\w*|ideally|desired?|desirable|nice to have|bonus|deseable\w*|preferentemente|preferible\w*|idealement|idealerweise|preferibilmente|preferencialmente)\b[^,;)]{0,30}$/;
export const preferredAfter =
  /^(?![^,;()]{0,80}\b(?:required|must)\b)[^,;()]{0,80}\b(?:preferred|preferable|desired|desirable|(?:is |are )?a (?:big |strong |huge )?plus|nice to have|bonus|deseable|se valorara|valorable|preferible|souhaite|apprecie|wunschenswert|von vorteil|desejavel|preferibile)\b|^ ?\((?:strongly |highly )?preferred/;

/** A short line that names what the next ones are about. */
export const isHeading = (line: string): boolean =>
  line.length <= 60 && !/\d/.test(line) && (line.endsWith(':') || usualHeading.test(line));
const usualHeading = new RegExp(
  `^\\W{0,3}(?:\\w+ )?${anyOf(
    experience,
    'preferred|desired?|nice[- ]to[- ]haves?|bonus|good to have|required?|requirements|minimum|basic|qualifications|responsibilities|duties|education|skills|benefits|compensation|about|what|who|why|how',
    'deseable|valorable|se valora|requisitos|funciones|ofrecemos|perfil|souhait|profil|missions|wunschenswert|von vorteil|aufgaben|desejave|diferencia',
  )}\\w*(?: [\\w&/']+){0,4}$`,
);

/** A heading over wishes; one over anything else ends it. */
export const preferredHeading =
  /^\W{0,3}(?:\w+ )?(?:prefer\w*|desired?|desirable|nice[- ]to[- ]haves?|bonus|pluses|ideal(?:ly)?|good to have|deseable|valorable\w*|se valora\w*|souhait\w*|les plus|wunschenswert|von vorteil|desejave\w*|diferencia\w*)\b/;

const minimum =
  '(?:at least|minimum(?: of)?|min|over|more than|al menos|minim[oa]s?(?: de)?|mas de|no men(?:or|os) (?:de|a)|au moins|mindestens|almeno|pelo menos)';
/** The duration stands first, but for a bullet, a label and a word that makes it a minimum. */
export const opensLine = new RegExp(`^(?:[\\W\\d_]{0,5}|[\\w .()/+#&]{0,40}[:-] ?)(?:(?:${minimum}|de) ?)?[( ]{0,2}$`);

/** A duration needs no word for experience when it opens the sentence, or a minimum is put on it, and work follows. */
export const minimumBefore = new RegExp(`(?:^\\W{0,4}|:\\W{0,3}|\\b${minimum} ?|[+>]=? ?)$`);
export const workFollows =
  /^[ ,:)]{0,2}(?:(?:of|in|as|with|within|on|at|working|work|hands-on|relevant|professional|related|direct|industry|en|como|de|con|o mas|a mas|realizando|desempenando|minimo|minimum|required|comme|en tant que|als|in der|im bereich|come|nel|nella)\b|[a-z-]+ing\b)/;

/** `Years of experience: 5`, `Experience required - 3+`: a number that needs no unit. */
export const labelledNumber = new RegExp(
  `${experience}\\w*(?: \\w+| \\([^()]{0,20}\\)){0,2} ?[:=-] ?\\d{1,2}(?: ?(?:-|to|a) ?\\d{1,2})? ?\\+?$`,
);
export const loneNumber = /^\d{1,2}(?: ?(?:-|to|a) ?\d{1,2})? ?\+?$/;

/** Experience is said not to matter. */
export const noExperience = new RegExp(
  anyOf(
    '\\bno (?:\\w+ or )?(?:(?:prior|previous|work|professional|relevant|related|job|industry|specific|formal) ){0,2}experience(?: (?:is )?(?:required|necessary|needed)|$|[,.);])',
    '\\bexperience (?:is )?not (?:required|necessary|needed)|\\bexperience(?: required| needed)?: (?:none|not required|n/a)',
    "\\b(?:don't|do not|does not) (?:need|require) (?:any |prior |previous |work ){0,2}experience\\b(?! (?:with|in))",
    '\\b(?:with or )?without (?:any )?(?:prior |previous )?experience',
    '\\b(?:no (?:se )?(?:requiere|necesita)|no es necesari[ao]|sin)(?: tener| contar con)? (?:ninguna )?experiencia',
    'experiencia (?:previa )?no (?:es )?(?:requerida|necesaria|indispensable)',
    '\\b(?:sans|aucune) experience|debutants? acceptes?',
    '\\b(?:keine|ohne)(?: \\w+)? (?:berufs)?erfahrung',
    '\\b(?:sem|nao e necessari[ao]|nao exige|nao e exigida) (?:ter )?experiencia',
    '\\bsenza esperienza|esperienza non (?:richiesta|necessaria)|non (?:e )?(?:richiesta|necessaria) (?:alcuna )?esperienza',
  ),
);
