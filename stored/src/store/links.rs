//! Links of which it is known to whom they lead, beside those of invites and accepts that are there.

use super::Store;
use crate::error::StoreError;
use crate::ids::ContactId;

impl Store {
    /// A link leads to a contact.
    pub(crate) fn know_link(&self, link: &str, contact: ContactId) -> Result<(), StoreError> {
        self.run("INSERT OR REPLACE INTO links (link, contact) VALUES (?1, ?2)", (link, contact))
    }

    /// To whom a link leads that is no invite's and was not accepted.
    pub(crate) fn contact_of_link(&self, link: &str) -> Result<Option<ContactId>, StoreError> {
        self.row("SELECT contact FROM links WHERE link = ?1", [link], |row| row.get(0))
    }

    /// Links that lead to a contact, whether they came by one of them or not.
    pub(crate) fn links_of(&self, contact: ContactId) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT link FROM links WHERE contact = ?1
             UNION SELECT link FROM invites WHERE contact = ?1 AND link <> ''
             UNION SELECT link FROM accepts WHERE contact = ?1";
        self.rows(sql, [contact], |row| row.get(0))
    }

    /// What led to one contact leads to another.
    pub(super) fn move_links(&self, from: ContactId, to: ContactId) -> Result<(), StoreError> {
        self.links_of(from)?.iter().try_for_each(|link| self.know_link(link, to))
    }
}
