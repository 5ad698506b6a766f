/** A place as the API's gazetteer knows it. */
export interface Place {
  readonly city: string;
  readonly state: string;
  readonly latitude: number;
  readonly longitude: number;
}

const place = (city: string, state: string, latitude: number, longitude: number): Place => ({
  city,
  state,
  latitude,
  longitude,
});

/** The city that the example asks for. */
export const chicago = place('Chicago', 'Illinois', 41.8781, -87.6298);

/** Within 25 miles of Chicago, so that a search for Chicago finds them too. */
export const suburbs: readonly Place[] = [
  place('Evanston', 'Illinois', 42.0451, -87.6877),
  place('Oak Park', 'Illinois', 41.885, -87.7845),
  place('Hines', 'Illinois', 41.8589, -87.8395),
  place('Des Plaines', 'Illinois', 42.0334, -87.8834),
  place('Lemont', 'Illinois', 41.6736, -88.0017),
  place('Hammond', 'Indiana', 41.5834, -87.5),
];

/** Too far from Chicago for any search around it. */
export const elsewhere: readonly Place[] = [
  place('Washington DC', 'District of Columbia', 38.8904, -77.032),
  place('Denver', 'Colorado', 39.7392, -104.9903),
  place('Huntsville', 'Alabama', 34.7304, -86.5861),
  place('Kansas City', 'Missouri', 39.0997, -94.5786),
  place('Portland', 'Oregon', 45.5152, -122.6784),
  place('San Antonio', 'Texas', 29.4241, -98.4936),
  place('Atlanta', 'Georgia', 33.749, -84.388),
  place('Boise', 'Idaho', 43.615, -116.2023),
  place('Duluth', 'Minnesota', 46.7867, -92.1005),
  place('Albuquerque', 'New Mexico', 35.0844, -106.6504),
];

const gazetteer = new Map([chicago, ...suburbs, ...elsewhere].map((known) => [nameOf(known).toLowerCase(), known]));

/** `Chicago, Illinois`. */
export function nameOf({ city, state }: Place): string {
  return `${city}, ${state}`;
}

/** The place with this name, whatever its case and outer blanks. */
export const findPlace = (name: string): Place | undefined => gazetteer.get(name.trim().toLowerCase());

interface Point {
  readonly latitude: number;
  readonly longitude: number;
}

/** Great-circle distance. */
export function miles(from: Point, to: Point): number {
  const radians = (degrees: number) => (degrees * Math.PI) / 180;
  const haversine = (angle: number) => Math.sin(angle / 2) ** 2;
  const across =
    haversine(radians(to.latitude - from.latitude)) +
    Math.cos(radians(from.latitude)) *
      Math.cos(radians(to.latitude)) *
      haversine(radians(to.longitude - from.longitude));
  return 2 * 3958.8 * Math.asin(Math.sqrt(across));
}
