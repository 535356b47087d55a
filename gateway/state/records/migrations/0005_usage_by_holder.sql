-- What each holder of a budget has spent since a time is read without the rows of all others.
CREATE INDEX attempts_by_owner ON attempts (owner, began);
CREATE INDEX attempts_by_team ON attempts (team, began) WHERE team IS NOT NULL;
CREATE INDEX attempts_by_organisation ON attempts (organisation, began) WHERE organisation IS NOT NULL;
CREATE INDEX attempts_by_model ON attempts (model, began);
