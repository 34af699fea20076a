/** The language of the page as dates and times are written: British English, as the rest of the product writes them. */
const { lang } = document.documentElement;
export const locale = lang === "en" ? "en-GB" : lang;
