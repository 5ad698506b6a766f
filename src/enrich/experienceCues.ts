/**
 * The wordings that tell whether a duration is experience that a posting asks for: one language to a line, English and
 * Spanish first, then French, German, Portuguese and Italian. They read plain lower-case ASCII, and of a sentence only
 * the hundred characters before a duration (`…$`) or after it (`^…`), so that each takes a bounded time.
 */

/** The source of a pattern that is written over several lines: line breaks and indents do not count. */
const source = (raw: TemplateStringsArray, ...parts: readonly string[]): string =>
  String.raw(raw, ...parts).replace(/\n */g, '');
const pattern = (raw: TemplateStringsArray, ...parts: readonly string[]): RegExp => new RegExp(source(raw, ...parts));

/** Up to `most` words, as few as will do. */
const words = (most: number): string => source`(?:[\w/&'()+-]+[,:]? ){0,${String(most)}}?`;

/** `more than` and its like, between a preposition and a number. */
const roughly = source`(?: (?:
  the|about|over|up to|more than|nearly|almost|another|just|only
  |mas de|plus de|environ|pres de|uber|mehr als|rund|mais de|oltre|circa
  )){0,2}`;

/** With room for the usual slips in spelling. */
const experience = source`(?:exp[ae]r[ie]{1,2}[ae]?n[cz]|expertise|exp\b|yoe\b|erfahrung|esperienz)`;

/** Experience is named, near or far. */
export const namesExperience = pattern`${experience}`;

/** `5 years of clinical experience`, `2 años de experiencia`, `3 ans d'expérience`, `2 Jahre Berufserfahrung`. */
export const experienceFollows = pattern`
  ^(?!,| (?:and|with|y|con|et|und|e) )[^\w,(]{0,3}${words(6)}[\w/-]*(?:d')?${experience}`;

/** `Experience: 5 years`, `experiencia mínima de 2 años`, `Erfahrung von mindestens 3 Jahren`. */
export const experiencePrecedes = pattern`
  ${experience}\w*(?: ?\([^()]{0,30}\))?[ :,=-]{1,3}${words(5)}[(>=+~]{0,2}$
  |${experience}.{0,90}: ?${words(3)}$`;

/** A period around the work, whatever stands near: `in the last 5 years`, `within 2 years`, `hace 25 años`. */
export const periodBefore = pattern`
  \b(?:
  last|past|previous|first|next|final|coming|preceding|recent|initial|another|every|each|after|within|since|age[ds]?
  |in about|in just|in only|in under|equals?|equivalent to|credited as|counts? as|considered(?: to be)?|defined as
  |exceed(?:s|ed)?|if [\w ]{0,20}less than
  |ultim[oa]s|proxim[oa]s|primer[oa]s|hace|cada|tras|despues de|dentro de|antes de|edad de|nin[oa]s de|equivale a
  |derniere?s|premiere?s|prochaine?s|il y a|apres|tous les|age de
  |letzten|nachsten|ersten|seit|vor|nach|alle|innerhalb von
  |apos|negli ultimi|prossimi|entro|dopo|ogni
  )${roughly} $
  |\b(?:alongside|mentored by|led by|gain|earn|acquire)\b.{0,40}$`;

/** A span of time, unless experience follows at once: `for 3 years`, `depuis 20 ans`. */
export const spanBefore = pattern`\b(?:for|in|from|desde|depuis|pendant|durant|dans|im)${roughly} $`;

/** The length of a contract or a course of study, unless experience stands beside it. */
export const contractBefore = pattern`
  \b(?:
  contract|appointment|not to exceed|nte|term|duration|period|length|commitment|probation|warranty|vesting|retention
  |record of|residenc\w*
  |contrato|plazo|duracion|vigencia|garantia
  |cdd|stage|alternance|befristet|vertrag|laufzeit|contratto|durata
  )\b.{0,40}$
  |\b(?:estudios|carrera|bachillerato|etudes|formation)(?: \w+){0,2} de $
  |\b(?:por|durante|sous|ha|per|da)${roughly} $`;

const study = source`(?:
  college|universit|stud(?:y|ies)|education|school|course ?work|courses?\b|curriculum|academic|graduate|undergraduate
  |degree|diploma|bachelor|training|apprentice|residency|internship|fellowship
  |estudios|formacion|carrera
  |etudes|formation|studium|ausbildung|faculdade|estudos
  )`;
const otherThanWork = source`(?:
  (?:of )?(?:directly related,? )?progressively higher
  |of age|old|ago|away|later|after|before|from|since|until|per\b|running|straight|in a row|only after|post-?graduat
  |on the market|probation|is credited|equals?\b|counts? as|(?:of )?residen|contract|warranty|anniversary|vesting
  |term\b|appointment|program|plan\b|leave
  |(?:in|of) (?:\w+ )?(?:business|operation|existence|service|history|tradition|growth|success|innovation|tenure|seniority)
  |(?:de|d'|di|of) ?(?:edad|duracion|garantia|historia|vida|antiguedad|contrat\w*)
  |(?:de|d'|di|of) ?(?:age|histoire|vie|anciennete|existence|idade|eta|storia|attivita)
  |renovable|atras|alt\b|lang\b
  )`;

/** What follows makes the duration one of study, age, contract or history. */
export const otherwiseAfter = pattern`
  ^[ -]?(?:
  ${otherThanWork}
  |(?:(?!\w*${experience}|and |or |y |o )[\w'()/-]+ ){0,4}${study}(?!\w*(?: (?!or |and |plus )[\w/-]+){0,2} ${experience})
  )`;

/** Someone is asked for something. */
export const asksBefore = pattern`
  must|should|require|need|minimum|min\b|at least|look|seek|search|want|expect|ideal|candidat|applicant|\byou|who\b
  |someone|possess|prefer|qualif|degree|bachelor|master|ph\.?d|desire
  |busca|requi|imprescindible|al menos|minim|indispensable|acredit|no menor|necesari|obligatori|deseable|valora
  |vous|au moins|recherch|justifi|profil|exige
  |\bsie\b|mindestens|erforderlich|voce|possuir|almeno|richie|cerchi`;
export const asksAfter = pattern`
  ^.{0,60}?(?:
  required|minimum|preferred|mandatory|necess|needed|must|desired|a plus
  |minim|requerid|obligator|indispensable
  |exige|erforderlich|richiest
  )`;

/** A company tells about itself. */
export const boastsBefore = pattern`
  \b(?:
  we|we've|our|us|company|firm|agency|founded|established|history|heritage|leader|leading|combined|collective|backed by
  |nuestr[oa]s?|somos|contamos|empresa|compania|mercado
  |nous|notre|nos|groupe?|entreprise|societe
  |wir|unsere?[nrs]?|unternehmen|nossa|temos|nostr[aoi]|abbiamo|azienda
  )\b`;
export const boastsAfter = pattern`
  ^[^,]{0,80},? (?:behind us|we\b|our (?:team|company|firm|people)|nuestra empresa|nous|wir\b)
  |^[^,]{0,80}, [\w&. -]{2,40} (?:is|are|has|have|offers?|provides?|helps?|delivers?|es|ofrece|est|ist) `;

/** The number is the most that may be had, so that the least is none. */
export const upperBoundBefore = pattern`
  (?<!\bno |\bnot |\bnothing )(?:<=?|\b(?:
  less than|fewer than|under|up to|no more than|not more than|max(?:imum)?(?: of)?
  |hasta|menos de|maximo(?: de)?
  |jusqu'a|moins de|bis zu|weniger als|ate|fino a|meno di|massimo(?: di)?
  )) ?$`;

/** The number is a part of a longer time named before: `including 2 years in …`, `de los cuales 2 años`. */
export const partBefore = pattern`
  \b(?:
  including|includes?|incl|of which|of that|of those|inclusive of
  |de l[oa]s cuales|incluyendo|incluido|dont|davon|d[oa]s quais|di cui
  )(?: (?:at least|a minimum of|al menos|un minimo de|au moins|mindestens|almeno))? $
  |\($`;
export const partAfter = pattern`
  ^ (?:of which|of this|of that)\b
  |^.{0,80}\b(?:deben? (?:de )?formar parte|que corresponden a)`;

/** A wish, not a demand; within the same clause as the duration. */
export const preferredBefore = pattern`
  \b(?:
  prefer\w*|ideally|desired?|desirable|nice to have|bonus
  |deseable\w*|preferentemente|preferible\w*
  |idealement|idealerweise|preferibilmente|preferencialmente
  )\b[^,;)]{0,30}$`;
export const preferredAfter = pattern`
  ^(?![^,;()]{0,80}\b(?:required|must)\b)[^,;()]{0,80}\b(?:
  preferred|preferable|desired|desirable|a (?:big |strong |huge )?plus|nice to have|bonus
  |deseable|se valorara|valorable|preferible
  |souhaite|apprecie|wunschenswert|von vorteil|desejavel|preferibile
  )\b
  |^ ?\((?:strongly |highly )?preferred`;

/** A heading over wishes; one over anything else ends it. */
export const preferredHeading = pattern`
  ^\W{0,3}(?:\w+ )?(?:
  prefer\w*|desired?|desirable|nice[- ]to[- ]haves?|good to have|bonus|pluses|ideal(?:ly)?
  |deseable|valorable\w*|se valora\w*
  |souhait\w*|les plus|wunschenswert|von vorteil|desejave\w*|diferencia\w*
  )\b`;

const usualHeading = pattern`
  ^\W{0,3}(?:\w+ )?(?:
  ${experience}
  |preferred|desired?|nice[- ]to[- ]haves?|bonus|good to have|required?|requirements|minimum|basic|qualifications
  |responsibilities|duties|education|skills|benefits|compensation|about|what|who|why|how
  |deseable|valorable|se valora|requisitos|funciones|ofrecemos|perfil
  |souhait|profil|missions|wunschenswert|von vorteil|aufgaben|desejave|diferencia
  )\w*(?: [\w&/']+){0,4}$`;

/** A short line that names what the next ones are about. */
export const isHeading = (line: string): boolean =>
  line.length <= 60 && !/\d/.test(line) && (line.endsWith(':') || usualHeading.test(line));

const minimum = source`(?:
  at least|minimum(?: of)?|min|over|more than
  |al menos|minim[oa]s?(?: de)?|mas de|no men(?:or|os) (?:de|a)
  |au moins|mindestens|almeno|pelo menos
  )`;

/** The duration stands first, but for a bullet, a label and a word that makes it a minimum. */
export const opensLine = pattern`^(?:[\W\d_]{0,5}|[\w .()/+#&]{0,40}[:-] ?)(?:(?:${minimum}|de) ?)?[( ]{0,2}$`;

/** A duration needs no word for experience when it opens the sentence, or a minimum is put on it, and work follows. */
export const minimumBefore = pattern`(?:^\W{0,4}|:\W{0,3}|\b${minimum} ?|[+>]=? ?)$`;
export const workFollows = pattern`
  ^[ ,:)]{0,2}(?:(?:
  of|in|as|with|within|on|at|working|work|hands-on|relevant|professional|related|direct|industry|minimum|required
  |en|como|de|con|o mas|a mas|minimo|realizando|desempenando
  |comme|en tant que|als|in der|im bereich|come|nel|nella
  )\b|[a-z-]+ing\b)`;

/** `Years of experience: 5`, `Experience required - 3+`: a number that needs no unit. */
export const labelledNumber = pattern`
  ${experience}\w*(?: \w+| \([^()]{0,20}\)){0,2} ?[:=-] ?\d{1,2}(?: ?(?:-|to|a) ?\d{1,2})? ?\+?$`;
export const loneNumber = /^\d{1,2}(?: ?(?:-|to|a) ?\d{1,2})? ?\+?$/;

const anyKindOf = '(?:(?:prior|previous|work|professional|relevant|related|job|industry|specific|formal|any) ){0,2}';

/** Experience is said not to matter. */
export const noExperience = pattern`
  \bno (?:\w+ or )?${anyKindOf}experience(?: (?:is )?(?:required|necessary|needed)|$|[,.);])
  |\bexperience (?:is )?not (?:required|necessary|needed)
  |\bexperience(?: required| needed)?: (?:none|not required|n/a)
  |\b(?:don't|do not|does not) (?:need|require) ${anyKindOf}experience\b(?! (?:with|in))
  |\bwithout ${anyKindOf}experience
  |\b(?:no (?:se )?(?:requiere|necesita)|no es necesari[ao]|sin)(?: tener| contar con)? (?:ninguna )?experiencia
  |experiencia (?:previa )?no (?:es )?(?:requerida|necesaria|indispensable)
  |\b(?:sans|aucune) experience|debutants? acceptes?
  |\b(?:keine|ohne)(?: \w+)? (?:berufs)?erfahrung
  |\b(?:sem|nao e necessari[ao]|nao exige|nao e exigida) (?:ter )?experiencia
  |\bsenza esperienza|esperienza non (?:richiesta|necessaria)
  |non (?:e )?(?:richiesta|necessaria) (?:alcuna )?esperienza`;
